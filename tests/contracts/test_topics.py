"""The table of topics: who says what, and that nothing on it can be lost or read by the wrong service."""

import pytest

from shared.contracts.registry import FACTS
from shared.contracts.topics import (
    DEAD_LETTERS,
    DEADLINE_FACTS,
    GROUPS,
    TOPICS,
    names_of,
    topic_for,
    topics_of,
)
from shared.messaging.broker import BATCH_BYTES_MAX

SERVICES = {"intake", "review", "provisioning", "complaints", "notifier"}


def test_every_fact_has_a_topic_and_only_the_clocks_have_two() -> None:
    said = [fact for topic in TOPICS for fact in topic.facts]
    assert set(said) == set(FACTS)
    assert sorted(map(said.count, FACTS)) == [1] * (len(FACTS) - 5) + [2] * 5
    assert all(said.count(fact) == 2 for fact in DEADLINE_FACTS)


def test_a_service_says_its_facts_on_its_own_topic() -> None:
    for topic in TOPICS:
        for fact in topic.facts:
            assert topic_for(topic.owner, fact) is topic


def test_a_service_cannot_say_what_is_anothers() -> None:
    with pytest.raises(LookupError, match="notifier does not say RequestSubmitted"):
        topic_for("notifier", FACTS[0])


def test_facts_stay_for_ever_and_people_do_not() -> None:
    for topic in TOPICS:
        if topic.compacted:
            assert not topic.facts
            assert topic.config["cleanup.policy"] == "compact"
            assert topic.config["max.compaction.lag.ms"] == "86400000"
        else:
            assert topic.config["cleanup.policy"] == "delete"
            assert topic.config["retention.ms"] == topic.config["retention.bytes"] == "-1"


def test_a_topic_takes_whatever_a_producer_may_send_as_one_batch() -> None:
    for topic in TOPICS:
        assert int(topic.config["max.message.bytes"]) > BATCH_BYTES_MAX


def test_each_topic_has_six_partitions_one_owner_and_other_readers() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)
    for topic in TOPICS:
        assert topic.partitions == 6
        assert {topic.owner, *topic.readers} <= SERVICES
        assert topic.owner not in topic.readers


def test_personal_data_is_read_by_named_services_only() -> None:
    readers = {topic.name: topic.readers for topic in TOPICS if topic.compacted}
    assert readers == {
        "datacloud.people.v1": ("review", "provisioning", "notifier"),
        "datacloud.complainants.v1": ("notifier",),
        "datacloud.review-texts.v1": ("intake", "notifier"),
    }


def test_a_service_starts_only_with_what_it_writes_and_reads() -> None:
    assert {topic.name for topic in topics_of("complaints")} == {
        "datacloud.complaints.v1",
        "datacloud.complainants.v1",
        "datacloud.calendar.v1",
    }


def test_a_group_reads_what_its_service_may_read_and_has_its_own_dead_letters() -> None:
    for group, topics in GROUPS.items():
        service = group.partition(".")[0]
        assert service in SERVICES
        assert names_of(group) == [topic.name for topic in topics]
        assert all(service in topic.readers and not topic.compacted for topic in topics)
    assert {(topic.name, topic.owner) for topic in DEAD_LETTERS} == {
        (f"{topic.name}.{group}.dlq", group.partition(".")[0])
        for group, topics in GROUPS.items()
        for topic in topics
    }
    assert all(topic.readers == () for topic in DEAD_LETTERS)


def test_every_topic_of_facts_is_taken_in_by_each_of_its_readers_that_reacts_to_it() -> None:
    heard = {(group.partition(".")[0], t.name) for group, topics in GROUPS.items() for t in topics}
    readers = {
        (reader, topic.name)
        for topic in TOPICS
        if topic.facts and not topic.compacted
        for reader in topic.readers
    }
    assert heard == readers
