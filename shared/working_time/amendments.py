"""How days off change: a decree entered, or undone to tell what was known on an earlier day."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from shared.working_time.days import Amendment, AmendmentError, DayOff, UnknownYearError


def known_on(days_off: Sequence[DayOff], on: date) -> tuple[DayOff, ...]:
    """Days off without what was decided after `on`.

    In a year nobody had decided yet, the national days of its first decree are estimates.
    """
    decided = years_decided_by(days_off, on)
    first_decrees: dict[int, date] = {}
    for day_off in days_off:
        if day_off.decided_on is not None:
            first = first_decrees.get(day_off.on.year, day_off.decided_on)
            first_decrees[day_off.on.year] = min(first, day_off.decided_on)
    known: list[DayOff] = []
    for day_off in days_off:
        if day_off.decided_on is None or day_off.decided_on <= on:
            known.append(day_off.known_on(on))
        elif (
            day_off.on.year not in decided
            and day_off.kind == "national"
            and day_off.decided_on == first_decrees[day_off.on.year]
        ):
            known.append(replace(day_off.known_on(on), decree=None, decided_on=None))
    return tuple(known)


def years_decided_by(days_off: Sequence[DayOff], on: date) -> frozenset[int]:
    """The years about which some decree had spoken by that day."""
    return frozenset(
        day_off.on.year
        for day_off in days_off
        for spoken_on in (day_off.decided_on, day_off.withdrawn_on)
        if spoken_on is not None and spoken_on <= on
    )


def entered(
    days_off: Sequence[DayOff], years: Sequence[int], amendment: Amendment
) -> tuple[DayOff, ...]:
    """Days off with a decree entered. Raises AmendmentError, UnknownYearError."""
    _check(days_off, years, amendment)
    added = (
        DayOff(
            on=day.on,
            name=day.name,
            kind=day.kind,
            decree=amendment.decree,
            decided_on=amendment.decided_on,
            source=amendment.decree,
        )
        for day in amendment.added
    )
    return (*(_withdrawn_by(day_off, amendment) for day_off in days_off), *added)


def years_settled_by(days_off: Sequence[DayOff], amendment: Amendment) -> frozenset[int]:
    """The years a decree rules as a whole, so that they are no longer provisional.

    It gives joint leave, or confirms or withdraws an estimate. A single day (an election, a local
    day off) leaves a provisional year provisional.
    """
    estimates = {day_off.on for day_off in days_off if _is_estimate(day_off)}
    joint_leave = {day.on for day in amendment.added if day.kind == "joint_leave"}
    said = {day.on for day in amendment.added} | set(amendment.withdrawn)
    return frozenset(on.year for on in joint_leave | (said & estimates))


def _is_estimate(day_off: DayOff) -> bool:
    return day_off.decree is None and day_off.in_effect


def _withdrawn_by(day_off: DayOff, amendment: Amendment) -> DayOff:
    """An estimate also gives way when the decree puts something on its date."""
    replaced = {day.on for day in amendment.added} if _is_estimate(day_off) else set()
    if not day_off.in_effect or day_off.on not in replaced.union(amendment.withdrawn):
        return day_off
    return replace(day_off, withdrawn_by=amendment.decree, withdrawn_on=amendment.decided_on)


def _check(days_off: Sequence[DayOff], years: Sequence[int], amendment: Amendment) -> None:
    if not amendment.decree.strip():
        message = "Nomor keputusan wajib diisi."
        raise AmendmentError(message)
    if not amendment.added and not amendment.withdrawn:
        message = "Keputusan ini tidak menambah dan tidak mencabut satu hari pun."
        raise AmendmentError(message)
    for on in (*(day.on for day in amendment.added), *amendment.withdrawn):
        if on.year not in years:
            raise UnknownYearError(on.year)
    off = {day_off.on for day_off in days_off if day_off.in_effect}
    for on in amendment.withdrawn:
        if on not in off:
            message = f"Tanggal {on.isoformat()} bukan hari libur, jadi tidak dapat dicabut."
            raise AmendmentError(message)
    taken = {
        (day_off.on, day_off.name)
        for day_off in days_off
        if day_off.in_effect and day_off.decree and day_off.on not in amendment.withdrawn
    }
    for day in amendment.added:
        if not day.name.strip():
            message = f"Nama hari libur {day.on.isoformat()} wajib diisi."
            raise AmendmentError(message)
        if (day.on, day.name) in taken:
            message = f"{day.name} pada {day.on.isoformat()} sudah tercatat."
            raise AmendmentError(message)
        taken.add((day.on, day.name))
