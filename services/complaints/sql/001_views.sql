-- What complaints' pages and API show. Rows are written with the events, by views.py.

create table complaints (
    complaint_id        uuid        not null primary key,
    registration_number text        not null unique,
    channel             text        not null,
    category            text,
    status              text        not null,
    received_at         timestamptz not null,
    due_on              date,
    breached            boolean     not null,
    complainant_id      uuid,
    confidential        boolean     not null
);
create index complaints_by_due on complaints (status, due_on);

create table complaint_timeline (
    complaint_id uuid        not null,
    version      integer     not null,
    at           timestamptz not null,
    what         text        not null,
    primary key (complaint_id, version)
);

create table channel_references (
    complaint_id uuid not null primary key,
    reference    text not null
);
comment on table channel_references is 'How a channel names the complaint (ticket, handle, slip): may be personal, so it stays out of events.';
