-- What was appended since a rebuild of the views began is found without reading all of history, at no cost to appends.

create index events_by_position on events using brin (position) with (autosummarize = on);
