-- The event store of one service. The service's role may SELECT and INSERT events, never change them (grants.sql).

create function datacloud_now() returns timestamptz language sql volatile as
$$ select clock_timestamp() + coalesce(nullif(current_setting('datacloud.clock_shift', true), ''), '0')::interval $$;
comment on function datacloud_now() is
    'The one clock: leases, due claims and the `at` of every command. Shifted by the database setting datacloud.clock_shift (tests, local).';

create table events (
    stream_id   text        not null,
    version     integer     not null check (version > 0),
    position    bigint      not null generated always as identity,
    event_id    uuid        not null,
    type        text        not null,
    body        bytea       not null,
    metadata    bytea       not null,
    published   integer     not null,
    fact_type   text,
    fact        bytea,
    hash        bytea       not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (stream_id, version)
);
comment on column events.published is 'How many facts the stream has said so far, this event included: the number of its fact.';
comment on column events.hash is 'SHA-256 over the previous hash of the stream and every other column but position and recorded_at.';

create table outbox (
    position bigint not null generated always as identity primary key,
    topic    text   not null,
    key      text   not null,
    source   text   not null check (source in ('event', 'person', 'text', 'blocked')),
    ref      bigint not null
);
comment on table outbox is
    'Pointers to what must be said: the event (key, version ref), the person or text (id key), the blocked record (id ref). Deleted after the ack.';

create table marks (
    subscription text   not null,
    topic        text   not null,
    stream       text   not null,
    sequence     bigint not null,
    fact_id      uuid,
    primary key (subscription, topic, stream)
);
comment on table marks is 'The last fact of each foreign stream that a subscription has taken in.';

create table offsets (
    subscription text    not null,
    topic        text    not null,
    partition    integer not null,
    next         bigint  not null,
    primary key (subscription, topic, partition)
);

create table blocked (
    id           bigint      not null generated always as identity primary key,
    subscription text        not null,
    topic        text        not null,
    partition    integer     not null,
    "offset"     bigint      not null,
    stream       text,
    sequence     bigint,
    fact_id      uuid,
    reason       text,
    detail       text        not null default '',
    key          bytea,
    value        bytea,
    headers      bytea       not null,
    since        timestamptz not null default clock_timestamp(),
    unique (subscription, topic, partition, "offset")
);
create unique index blocked_in_stream on blocked (subscription, topic, stream, sequence) where stream is not null and reason is distinct from 'conflict';
comment on table blocked is 'Records that wait: held (reason null) for a predecessor, parked for a person; loose ones (stream null) block nothing.';

create table scheduled (
    stream_id   text        not null,
    name        text        not null,
    kind        text        not null,
    due_at      timestamptz not null,
    payload     bytea       not null,
    metadata    bytea       not null,
    attempts    integer     not null default 0,
    lease_token uuid,
    lease_until timestamptz,
    primary key (stream_id, name)
);
create index scheduled_due on scheduled (kind, due_at);

create table reserved (
    name      text not null primary key,
    stream_id text not null
);
comment on table reserved is 'Names only one stream may hold at a time, set and freed with the events.';

create table numbers (
    series text    not null,
    year   integer not null,
    last   integer not null,
    primary key (series, year)
);
comment on table numbers is 'Gapless registers: raised in the transaction of the event that carries the number.';

create table calendar_version (
    singleton boolean not null primary key default true check (singleton),
    version   integer not null
);
insert into calendar_version (version) values (1);

create table persons (
    person_id uuid  not null primary key,
    data      bytea not null
);
create table texts (
    text_id   uuid not null primary key,
    person_id uuid,
    body      text not null
);
create table letters (
    letter_id  uuid   not null primary key,
    person_ids uuid[] not null,
    sha256     bytea  not null,
    bytes      bytea  not null
);
alter table letters alter column bytes set storage external;
create table officers (
    officer_id uuid not null primary key,
    issuer     text not null,
    subject    text not null,
    name       text not null
);
create table forgotten (
    person_id    uuid        not null primary key,
    forgotten_at timestamptz not null default clock_timestamp()
);
comment on table persons is 'Everything personal lives in these mutable tables; events, facts and views hold ids only.';
