-- What was taken out of `blocked` by a person, whole, and why: nothing vanishes.

create table discarded (
    id           bigint      not null generated always as identity primary key,
    subscription text        not null,
    topic        text        not null,
    partition    integer     not null,
    "offset"     bigint      not null,
    stream       text,
    sequence     bigint,
    fact_id      uuid,
    reason       text,
    detail       text        not null,
    key          bytea,
    value        bytea,
    headers      bytea       not null,
    since        timestamptz not null,
    discarded_at timestamptz not null default clock_timestamp(),
    discarded_by text        not null,
    why          text        not null
);
