-- Offsets count in one topic: under the name of a topic that was lost, another one begins at 0.

create table topic_ids (
    subscription text not null,
    topic        text not null,
    topic_id     uuid not null,
    primary key (subscription, topic)
);
comment on table topic_ids is 'Which topic of that name the offsets of this subscription count in.';
