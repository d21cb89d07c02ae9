"""Which class is which `ce_type`, and the way between a fact and its bytes. Every fact on the wire passes here.

Reading never raises anything but `UnknownType` and `Malformed`, whatever the bytes are.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping

import orjson
from pydantic import ValidationError
from pydantic_core import from_json, to_json

from shared.contracts.fact import Fact
from shared.contracts.facts.clock import (
    DeadlineApproaching,
    DeadlineBreached,
    DeadlineBreachRevoked,
    DeadlineMoved,
    DeadlineSet,
)
from shared.contracts.facts.complaints import ComplaintFiled
from shared.contracts.facts.intake import (
    RequestClosed,
    RequestResubmitted,
    RequestSetAside,
    RequestSubmitted,
    RequestWithdrawn,
)
from shared.contracts.facts.notifier import ConfirmationSent, NotificationUndeliverable
from shared.contracts.facts.provisioning import (
    AccountActivated,
    AccountActivationFailed,
    AccountSuspended,
    AdministratorReplaced,
)
from shared.contracts.facts.review import RequestReviewed

__all__ = [
    "FACTS",
    "REGISTRY",
    "Fact",
    "Malformed",
    "Registry",
    "UnknownType",
    "Unreadable",
    "ce_type_of",
    "decode",
    "encode",
    "schema_id",
]

Upcaster = Callable[[Mapping[str, object]], tuple[str, Mapping[str, object]]]
"""A fact of a former version -> the `ce_type` of the next one, and its content. Pure."""

ERRORS_TOLD_MAX = 5

FACTS: tuple[type[Fact], ...] = (
    RequestSubmitted,
    RequestResubmitted,
    RequestWithdrawn,
    RequestSetAside,
    RequestClosed,
    RequestReviewed,
    AccountActivated,
    AccountActivationFailed,
    AdministratorReplaced,
    AccountSuspended,
    ComplaintFiled,
    ConfirmationSent,
    NotificationUndeliverable,
    DeadlineSet,
    DeadlineMoved,
    DeadlineApproaching,
    DeadlineBreached,
    DeadlineBreachRevoked,
)

UPCASTERS: Mapping[str, Upcaster] = {}


class Unreadable(Exception):  # noqa: N818 - named by what it means, as every outcome
    """These bytes are no fact to this program."""


class UnknownType(Unreadable):
    """No class of ours has this `ce_type`: said by a newer producer, or not ours at all."""


class Malformed(Unreadable):
    """The type is known, the value breaks its contract. The message names fields and rules, never a value."""


def ce_type_of(fact_class: type[Fact]) -> str:
    """The type on the wire: RequestSubmitted is datacloud.request_submitted.v1."""
    words = re.sub(r"(?<!^)(?=[A-Z])", "_", fact_class.__name__).lower()
    return f"datacloud.{words}.v{fact_class.version}"


def schema_id(ce_type: str) -> str:
    """What `ce_dataschema` says: the schema of the value, under schemas/ of this package."""
    return f"urn:datacloud:schemas:{ce_type}"


def _said_once(pairs: list[tuple[str, object]]) -> None:
    """RFC 8259 leaves open which of two fields of one name counts: another reader may take the other one."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError


_SAID_ONCE = json.JSONDecoder(object_pairs_hook=_said_once)


def _every_field_once(value: bytes) -> None:
    """Raises ValueError. What comes back as it went in is plain, and found so ten times faster than by looking."""
    try:
        if orjson.dumps(orjson.loads(value)) == value:
            return
    except ValueError:
        pass  # orjson is stricter than JSON readers elsewhere
    _SAID_ONCE.decode(value.decode())


class Registry:
    """A closed set of fact classes with the upcasters from their former versions."""

    def __init__(self, facts: Iterable[type[Fact]], upcasters: Mapping[str, Upcaster]) -> None:
        self.classes: dict[str, type[Fact]] = {ce_type_of(each): each for each in facts}
        self._upcasters = upcasters

    def decode(self, ce_type: str, value: bytes) -> Fact:
        """The fact these bytes say, former versions brought up to today's; fields we do not know are passed over.

        Raises UnknownType or Malformed, nothing else.
        """
        fact_class = self.classes.get(ce_type)
        try:
            if fact_class is not None:
                fact = fact_class.model_validate_json(value, extra="ignore")
                _every_field_once(value)
                return fact
            if ce_type in self._upcasters:
                return self._bring_up(ce_type, value)
        except ValidationError as error:
            raise Malformed(_told(error)) from None
        except (ValueError, RecursionError):  # what pydantic reads, but not everybody reads alike
            message = "value: ambiguous_json"
            raise Malformed(message) from None
        raise UnknownType(ce_type)

    def _bring_up(self, ce_type: str, value: bytes) -> Fact:
        try:
            newer_type, content = self._upcasters[ce_type](from_json(value))
            newer = to_json(content)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            message = f"upcasting {ce_type}: {type(error).__name__}"
            raise Malformed(message) from None
        return self.decode(newer_type, newer)


REGISTRY = Registry(FACTS, UPCASTERS)


def encode(fact: Fact) -> bytes:
    """The value of the record: compact plain JSON."""
    return type(fact).__pydantic_serializer__.to_json(fact)


def decode(ce_type: str, value: bytes) -> Fact:
    """As `Registry.decode`, of all facts there are."""
    return REGISTRY.decode(ce_type, value)


def _told(error: ValidationError) -> str:
    """Fields and broken rules only: a value may be anything, and this goes to logs and operators."""
    errors = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'value'}: {each['type']}"
        for each in errors[:ERRORS_TOLD_MAX]
    )
