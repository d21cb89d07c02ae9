-- Run after every migration as the owner; {role} is the service's login role.
revoke all on all tables in schema public from {role};
grant usage on schema public to {role};
grant select, insert, update, delete on all tables in schema public to {role};
revoke update, delete on events from {role};
revoke insert, update, delete on migrations from {role};
