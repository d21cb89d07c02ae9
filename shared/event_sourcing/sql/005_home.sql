-- A backup that is put back elsewhere, or is rolled forward to another end, is another database than it says here.

create table home (
    singleton boolean not null primary key default true check (singleton),
    place     text    not null
);
comment on table home is 'Cluster, timeline and database when the service last knew all that its topics hold.';
