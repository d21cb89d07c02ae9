-- What intake's pages and API show. Rows are written with the events, by views.py.

create table requests (
    request_id          uuid        not null primary key,
    registration_number text        not null unique,
    agency_code         text        not null,
    kind                text        not null,
    status              text        not null,
    received_at         timestamptz not null,
    due_on              date,
    breached            boolean     not null,
    cycle               integer     not null,
    administrator_id    uuid        not null,
    contact_id          uuid        not null,
    letter_id           uuid        not null,
    appointment_id      uuid
);
create index requests_by_agency on requests (agency_code, kind);

create table request_timeline (
    request_id uuid        not null,
    version    integer     not null,
    at         timestamptz not null,
    what       text        not null,
    primary key (request_id, version)
);

create table letter_details (
    letter_id     uuid not null primary key,
    letter_number text not null,
    letter_date   date not null
);
comment on table letter_details is 'What the PD wrote of its letter: free text, so it stays out of events and facts.';
