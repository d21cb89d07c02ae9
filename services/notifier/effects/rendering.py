"""Mails in Indonesian: subject, text and HTML of one source, so that both parts say the same.

A mail's content is one file in `templates/mails`; it is laid out twice, by `layout.txt` with `parts.txt` and by
`layout.html` with `parts.html`. Values are data: nothing in them is ever markup, a template or a second header line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from services.notifier.effects.failures import failure_in_words, remedy_in_words
from services.notifier.effects.plain_text import clean, runs_right_to_left
from shared.service_standard.standard import load_standard
from shared.working_time.explanation import date_in_words, instant_in_words

MAILS = Path(__file__).parents[1] / "templates" / "mails"
TEMPLATES = frozenset(
    {
        "activation_failed",
        "complaint_breached",
        "complaint_received",
        "new_complaint_for_officers",
        "new_request_for_reviewers",
        "request_breached",
        "request_confirmed",
        "request_received",
        "request_rejected",
        "request_returned",
        "request_set_aside",
        "request_withdrawn",
    }
)
SUBJECT_CHARACTERS_MAX = 150
_REQUEST_KINDS = MappingProxyType(
    {
        "open_account": "pembukaan akun",
        "replace_administrator": "penggantian admin pengelola",
    }
)
_ISOLATE, _END_OF_ISOLATE = "\u2068", "\u2069"


class UnfitSubjectError(ValueError):
    """A subject that is not one line of printable text: somebody tries to write headers."""


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """What is sent and, with the tracking code blanked, what the ledger keeps."""

    subject: str
    text: str
    html: str


def render_mail(template: str, values: Mapping[str, object]) -> RenderedMail:
    """The mail with these values; dates and instants as such or in their ISO form.

    Raises LookupError for an unknown template, jinja2.UndefinedError for a missing value, UnfitSubjectError.
    """
    if template not in TEMPLATES:
        raise LookupError(f"no mail template {template!r}")
    owner = load_standard().owner
    plain, markup = _environment("txt"), _environment("html")
    as_text = {"owner": owner, **{name: _as_text(value) for name, value in values.items()}}
    as_markup = {"owner": owner, **{name: _as_markup(value) for name, value in values.items()}}
    subject = _subject(plain, template, values)
    text = plain.get_template(f"{template}.txt").render(as_text)
    html = markup.get_template(f"{template}.txt").render(as_markup, subject=subject)
    return RenderedMail(subject, _without_gaps(text), f"{html}\n")


def _subject(environment: Environment, template: str, values: Mapping[str, object]) -> str:
    source = environment.get_template(f"{template}.txt")
    subject = "".join(source.blocks["subject"](source.new_context(dict(values))))
    if not subject.isprintable() or len(subject) > SUBJECT_CHARACTERS_MAX:
        raise UnfitSubjectError(template)
    return subject


@cache
def _environment(kind: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(MAILS),
        autoescape=kind == "html",  # noqa: S701 - the text part is not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(layout=f"layout.{kind}", parts=f"parts.{kind}")
    environment.filters.update(
        channel=_channel,
        date=_date,
        failure=failure_in_words,
        instant=_instant,
        remedy=remedy_in_words,
        request_kind=_REQUEST_KINDS.__getitem__,
        single_spaced=_single_spaced,
    )
    return environment


def _date(on: date | str) -> str:
    return date_in_words(date.fromisoformat(on) if isinstance(on, str) else on)


def _instant(at: datetime | str) -> str:
    return instant_in_words(datetime.fromisoformat(at) if isinstance(at, str) else at)


def _channel(code: str) -> str:
    return load_standard().channels[code].label


def _single_spaced(text: str) -> str:
    joined = " ".join(text.split())
    return Markup(joined) if isinstance(text, Markup) else joined  # noqa: S704 - it was safe before


def _as_text(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = clean(value)
    return f"{_ISOLATE}{text}{_END_OF_ISOLATE}" if runs_right_to_left(text) else text


def _as_markup(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = clean(value)
    return Markup("<bdi>{}</bdi>").format(text) if runs_right_to_left(text) else text


def _without_gaps(text: str) -> str:
    """At most one empty line between two parts."""
    lines: list[str] = []
    for line in text.strip().split("\n"):
        if line.strip() or (lines and lines[-1]):
            lines.append(line if line == "-- " else line.rstrip())
    return "\n".join(lines) + "\n"
