-- The reviewers' queue and its cases. Rows are written with the events, by views.py.

create table cases (
    request_id          uuid        not null primary key,
    registration_number text        not null,
    agency_code         text        not null,
    kind                text        not null,
    state               text        not null check (state in ('open', 'approved', 'returned', 'rejected', 'dropped')),
    due_on              date,
    received_at         timestamptz not null,
    version             integer     not null,
    cycle               integer     not null,
    administrator_id    uuid        not null,
    contact_id          uuid        not null,
    letter_id           uuid        not null,
    appointment_id      uuid,
    officer_id          uuid,
    decided_at          timestamptz
);
create index cases_by_due on cases (state, due_on, received_at);
create index cases_by_agency on cases (agency_code);
