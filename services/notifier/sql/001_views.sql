-- The ledger of mails: what was said to whom, with tracking codes blanked. Bodies are personal and mutable.

create table mails (
    notification_id uuid        not null primary key,
    subject_id      text        not null,
    template        text        not null,
    person_id       uuid,
    role            text,
    subject         text        not null,
    body            text        not null,
    entered_at      timestamptz not null default datacloud_now()
);
create index mails_by_subject on mails (subject_id);
create index mails_by_person on mails (person_id);

create table confirmations (
    letter_number text not null primary key,
    request_id    uuid not null,
    letter_id     uuid not null,
    sha256        text
);
comment on table confirmations is 'Which letter numbers are real, for the verification page.';
