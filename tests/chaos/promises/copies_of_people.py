"""P6: of each person and text the owner's row, the last record on its compacted topic and every reader's row agree."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from shared.contracts.topics import COMPLAINANTS, PEOPLE, REVIEW_TEXTS
from shared.people.persons import Person, Text
from tests.chaos.evidence import Evidence, Violation

Said = Mapping[str, Person | Text]
"""By key: what stands there last; a key whose last record is a tombstone has nothing."""

TABLES = {PEOPLE.name: "persons", COMPLAINANTS.name: "persons", REVIEW_TEXTS.name: "texts"}
SAID_TO_NOBODY = {("intake", "texts"), ("complaints", "texts")}
"""Tables with rows of the service's own beside the copies."""


def check(evidence: Evidence) -> Iterator[Violation]:
    """When all is quiet; of the services whose rows were read."""
    if not evidence.quiet:
        return
    said = {topic: _last(evidence, topic) for topic in TABLES}
    for topic in (PEOPLE, COMPLAINANTS, REVIEW_TEXTS):
        yield from _compared(evidence, topic.owner, TABLES[topic.name], said[topic.name])
    for name, reader in evidence.world.readers.items():
        read: dict[str, dict[str, Person | Text]] = defaultdict(dict)
        for topic_name in reader.topics:
            if topic_name in TABLES:
                read[TABLES[topic_name]] |= said[topic_name]
        for table, wanted in read.items():
            yield from _compared(evidence, reader.service, table, wanted, f" by {name}")


def _last(evidence: Evidence, topic: str) -> Said:
    last: dict[str, bytes | None] = {}
    for record in sorted(evidence.world.records, key=lambda each: each.place):
        if record.place[0] == topic and record.place not in evidence.world.poison:
            last[(record.key or b"").decode()] = record.value
    model: type[Person | Text] = Text if TABLES[topic] == "texts" else Person
    return {
        key: model.model_validate_json(value) for key, value in last.items() if value is not None
    }


def _compared(
    evidence: Evidence, service: str, table: str, wanted: Said, how: str = ""
) -> Iterator[Violation]:
    state = evidence.services.get(service)
    if state is None or state.people is None:
        return
    have: Said = (
        {key: Person.model_validate_json(data) for key, data in state.people.persons.items()}
        if table == "persons"
        else {key: Text.model_validate_json(data) for key, data in state.people.texts.items()}
    )
    for key in sorted(wanted.keys() | have.keys()):
        if have.get(key) == wanted.get(key):
            continue
        if key not in wanted and (service, table) in SAID_TO_NOBODY:
            continue
        word = "is not what" if key in wanted and key in have else "differs from what"
        yield Violation("P6", f"a row {word} the topic says last{how}", f"{service} {table} {key}")
