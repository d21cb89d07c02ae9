"""P8: one space per agency, one account per approved request, one Message-ID per notification, one confirmation."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise

from services.provisioning.effects.port import agency_of, space_of
from tests.chaos.evidence import Evidence, Happening, Violation
from tests.chaos.world import Account, Mail

CONFIRMED = "request_confirmed"
DROPPED = ("withdrawn", "set_aside")
MAIL_ENDS = ("NotificationSent", "NotificationUndeliverable", "NotificationDropped")
LETTER_ENDS = {"LetterMade", "ConfirmationRuledOut"}
ACCOUNT_ENDS = {
    "AccountActivated",
    "AdministratorReplaced",
    "AccountSuspended",
    "ActivationAbandoned",
}
ON_ITS_WAY = timedelta(seconds=60)
"""An effect takes 25 seconds at most: a mail later than this was begun after the request had ended."""
AFTERMATH = timedelta(seconds=30)
"""As long as a lease: who was killed or cut off starts again, and finds its broken connections, within that."""


def check(evidence: Evidence) -> Iterator[Violation]:
    """The platform, then the mails, each against what the streams say of them."""
    yield from _spaces(evidence)
    yield from _accounts(evidence)
    if evidence.quiet:
        yield from _enabled(evidence)
        yield from _settled(evidence)
    yield from _mails(evidence)
    yield from _confirmations(evidence)


def _spaces(evidence: Evidence) -> Iterator[Violation]:
    for name, count in Counter(space.name for space in evidence.world.spaces).items():
        if count > 1:
            yield Violation("P8", f"{count} spaces", name)
    spaces = {space.name for space in evidence.world.spaces}
    for agency, events in evidence.streams.get("provisioning", {}).items():
        activated = any(e.type in ("AccountActivated", "AdministratorReplaced") for e in events)
        if activated and space_of(agency) not in spaces:
            yield Violation("P8", "an account without its space", agency)


def _accounts(evidence: Evidence) -> Iterator[Violation]:
    """Made once, for a request that was approved, under the one name of that request."""
    approved = {
        each.event.stream_id
        for each in evidence.all("review", "CaseDecided")
        if each.body["outcome"] == "approved"
    }
    made = Counter(account.external_id for account in evidence.world.accounts)
    for account in evidence.world.accounts:
        if account.created > 1 or made[account.external_id] > 1:
            yield Violation("P8", "made more than once", account.user_name)
        if account.external_id not in approved:
            yield Violation("P8", "an account of a request nobody approved", account.user_name)


def _enabled(evidence: Evidence) -> Iterator[Violation]:
    """When all is quiet: as provisioning's stream says, none of a dropped request, one per agency at most."""
    accounts = {account.user_name: account for account in evidence.world.accounts}
    outcomes = {
        each.event.stream_id: each.body["outcome"]
        for each in evidence.all("intake", "RequestClosed")
    }
    for name, account in accounts.items():
        if account.active and outcomes.get(account.external_id or "") in DROPPED:
            yield Violation("P8", "an enabled account of a dropped request", name)
    enabled = Counter(agency_of(name) for name, account in accounts.items() if account.active)
    for agency, count in enabled.items():
        if count > 1:
            yield Violation("P8", f"{count} enabled administrators", agency)
    for agency, events in evidence.streams.get("provisioning", {}).items():
        yield from _as_told(agency, events, accounts)


def _settled(evidence: Evidence) -> Iterator[Violation]:
    """When all is quiet: whatever was asked for was done, given up, called off, or waits for its hour."""
    later = _not_due_yet(evidence)
    for stream, events in evidence.streams.get("notifier", {}).items():
        asked = [
            e.body["notification"]["notification_id"]
            for e in events
            if e.type == "NotificationRequested"
        ]
        ended = {e.body["notification_id"] for e in events if e.type in MAIL_ENDS}
        for notification_id in asked:
            if notification_id not in ended | later:
                yield Violation(
                    "P8", "a mail neither sent nor given up", f"{stream} {notification_id}"
                )
        types = {each.type for each in events}
        if "ConfirmationRequested" in types and not types & LETTER_ENDS:
            yield Violation("P8", "a letter neither made nor called off", stream)
    for agency, events in evidence.streams.get("provisioning", {}).items():
        wanted = [
            e.body["subject"]["request_id"] for e in events if e.type == "ActivationRequested"
        ]
        for request_id in wanted:
            last = [e.type for e in events if e.body.get("request_id") == request_id][-1:]
            if not set(last) & ACCOUNT_ENDS:
                yield Violation("P8", f"an account left as {last}", f"{agency} {request_id}")


def _not_due_yet(evidence: Evidence) -> frozenset[str]:
    """Reminders go out in office hours."""
    state = evidence.services.get("notifier")
    waiting = [row for row in state.scheduled if row.due_at > state.now] if state else []
    return frozenset(row.name.partition(":")[2] for row in waiting)


def _as_told(
    agency: str, events: Sequence[Happening], accounts: Mapping[str, Account]
) -> Iterator[Violation]:
    told: dict[str, bool] = {}
    for each in events:
        if each.type in ("AccountActivated", "AdministratorReplaced"):
            told[each.body["user_id"]] = True
        if each.type == "AdministratorReplaced":
            told[each.body["replaced_user_id"]] = False
        if each.type == "AccountSuspended":
            told[each.body["user_id"]] = False
    for name, active in told.items():
        account = accounts.get(name)
        if account is None or (active and space_of(agency) not in account.groups):
            yield Violation("P8", "told as active, not there or not in its space", name)
        elif account.active and not active:
            yield Violation("P8", "told as disabled, but enabled", name)


def _mails(evidence: Evidence) -> Iterator[Violation]:
    """Each mail is a notification of some stream; each notification has one Message-ID and one copy."""
    requested = {
        each.body["notification"]["notification_id"]
        for each in evidence.all("notifier", "NotificationRequested")
    }
    copies: dict[str, list[Mail]] = defaultdict(list)
    for mail in evidence.world.mails:
        copies[_notification_of(mail)].append(mail)
    for notification_id, same in copies.items():
        if notification_id not in requested:
            yield Violation("P8", "a mail of no notification", same[0].message_id)
        yield from _copies(evidence, sorted(same, key=lambda mail: mail.accepted_at))
        if len({(mail.subject, mail.recipient) for mail in same}) > 1:
            yield Violation("P8", "one Message-ID, two mails", same[0].message_id)
    sent = Counter(e.body["notification_id"] for e in evidence.all("notifier", "NotificationSent"))
    for notification_id, count in sent.items():
        if count > 1:
            yield Violation("P8", "recorded as sent twice", notification_id)
        if notification_id not in copies:
            yield Violation("P8", "recorded as sent, but no mail came", notification_id)


def _copies(evidence: Evidence, same: Sequence[Mail]) -> Iterator[Violation]:
    """Between any copy and the next something was interrupted, or had just been."""
    for copy, following in pairwise(same):
        if not any(
            each.began <= following.accepted_at and copy.accepted_at <= each.ended + AFTERMATH
            for each in evidence.world.interruptions
        ):
            what = f"{len(same)} copies, between {copy.accepted_at:%H:%M:%S.%f} and the next nothing was interrupted"
            yield Violation("P8", what, copy.message_id)


def _confirmations(evidence: Evidence) -> Iterator[Violation]:
    for closed in evidence.all("intake", "RequestClosed"):
        stream, outcome = closed.event.stream_id, closed.body["outcome"]
        requested = list(_of_confirmation(evidence, stream, "NotificationRequested"))
        sent = list(_of_confirmation(evidence, stream, "NotificationSent"))
        if len(requested) > 1:
            yield Violation("P8", f"{len(requested)} confirmations", stream)
        if outcome == "confirmed" and len(sent) != 1:
            yield Violation("P8", f"confirmed, with {len(sent)} confirmations sent", stream)
        if outcome in DROPPED:
            yield from _none_after_the_end(evidence, stream)


def _of_confirmation(evidence: Evidence, stream: str, event_type: str) -> Iterator[Happening]:
    for each in evidence.of("notifier", stream):
        content = each.body.get("notification", each.body)
        if each.type == event_type and content["template"] == CONFIRMED:
            yield each


def _none_after_the_end(evidence: Evidence, stream: str) -> Iterator[Violation]:
    """Neither asked for nor sent once the correspondence knows that the request has ended."""
    ruled_out = next(
        (e for e in evidence.of("notifier", stream) if e.type == "ConfirmationRuledOut"), None
    )
    if ruled_out is None:
        if evidence.quiet:
            yield Violation("P8", "a dropped request whose correspondence goes on", stream)
        return
    for each in _of_confirmation(evidence, stream, "NotificationRequested"):
        if each.event.version > ruled_out.event.version:
            yield Violation("P8", "a confirmation asked for after the end", stream)
        ended_at = ruled_out.event.recorded_at
        wanted = each.body["notification"]["notification_id"]
        for mail in evidence.world.mails:
            late = ended_at is not None and mail.accepted_at > ended_at + ON_ITS_WAY
            if _notification_of(mail) == wanted and late:
                yield Violation("P8", "a confirmation sent after the end", stream)


def _notification_of(mail: Mail) -> str:
    return mail.message_id.partition("@")[0]
