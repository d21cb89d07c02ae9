"""When the office is reached: openings, mails and warnings, never at night or on a day off."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from shared.working_time.calendar import WorkingCalendar
from shared.working_time.days import local_date, local_instant, local_time
from shared.working_time.deadlines import Deadline, Limit

MAIL_TIME = time(8)
"""Warnings and escalations go at 08:00 local on a working day (DOMAIN section 4 rules 9, 10)."""

_HALF_TIME_FROM_DAYS = 10

WarningStage = Literal["half_time", "last_working_day", "due_date"]


@dataclass(frozen=True, slots=True)
class DeadlineWarning:
    """A warning planned for an instant (UTC), 08:00 at the office."""

    stage: WarningStage
    at: datetime


def is_office_open(calendar: WorkingCalendar, at: datetime) -> bool:
    """Whether somebody works at that instant; the closing instant is closed already."""
    return any(
        period.begins_at <= at < period.ends_at for period in calendar.periods_on(local_date(at))
    )


def next_office_opening(calendar: WorkingCalendar, at: datetime) -> datetime:
    """The first morning opening at or after that instant (UTC); the end of a break is none."""
    on = calendar.first_working_day_from(local_date(at))
    opens_at = calendar.periods_on(on)[0].begins_at
    if opens_at >= at:
        return opens_at
    return calendar.periods_on(calendar.working_day_after(on, 1))[0].begins_at


def next_mail_time(calendar: WorkingCalendar, at: datetime) -> datetime:
    """The first 08:00 of a working day at or after that instant (UTC)."""
    return local_instant(_mail_day(calendar, at), MAIL_TIME)


def escalation_times(calendar: WorkingCalendar, at: datetime, steps: int) -> tuple[datetime, ...]:
    """08:00 of the next working day, then one working day later for each further step (rule 10)."""
    first = _mail_day(calendar, at)
    days = (first, *(calendar.working_day_after(first, step) for step in range(1, steps)))
    return tuple(local_instant(on, MAIL_TIME) for on in days[:steps])


def warnings(
    calendar: WorkingCalendar,
    received_at: datetime,
    limit: Limit,
    deadline: Deadline,
    moved_on: date | None = None,
) -> tuple[DeadlineWarning, ...]:
    """The warnings of a deadline in order of time (rule 9).

    Half time only for limits of ten working days or more. Dropped: what would fall on or before
    the date of receipt, or of the last move, and what would come after the deadline itself.
    """
    received_on = local_date(received_at)
    planned: dict[date, WarningStage] = {}
    if limit.unit == "wd" and limit.count >= _HALF_TIME_FROM_DAYS:
        planned[calendar.working_day_after(received_on, (limit.count + 1) // 2)] = "half_time"
    planned[calendar.last_working_day_before(deadline.due_on)] = "last_working_day"
    if calendar.is_working_day(deadline.due_on):
        planned[deadline.due_on] = "due_date"
    after = max(received_on, moved_on or received_on)
    times = ((on, local_instant(on, MAIL_TIME)) for on in sorted(planned) if on > after)
    return tuple(DeadlineWarning(planned[on], at) for on, at in times if at < deadline.breach_at)


def _mail_day(calendar: WorkingCalendar, at: datetime) -> date:
    local = local_time(at)
    on = local.date()
    if local > datetime.combine(on, MAIL_TIME, local.tzinfo):
        on += timedelta(days=1)
    return calendar.first_working_day_from(on)
