"""Points in time, lengths of time and days, as callers write them; pure."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

# Days that are told of unless a first one is asked for, and the most that can be.
DAYS: Final = 30
MOST_DAYS: Final = 366

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION: Final = re.compile(r"([0-9]{1,9})([smhdw])")
# RFC 3339 section 5.6; `datetime.fromisoformat` alone takes other shapes of ISO 8601 too.
_INSTANT: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_NO_SUCH_TIME: Final = "must be a time that exists"
# The driver takes these two for minus and plus infinity: fine to compare with, not to keep.
_ENDS: Final = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def instant(text: str) -> datetime:
    """RFC 3339 text as a moment in UTC.

    Raises:
        ValueError: it is not one, or lies outside the years 1 to 9999.
    """
    if not _INSTANT.fullmatch(text):
        raise ValueError("must be a time such as 2027-01-31T12:00:00Z")
    if text[-3] == ":" and text[-2:] > "59":  # `fromisoformat` takes any minutes in an offset
        raise ValueError(_NO_SUCH_TIME)
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(_NO_SUCH_TIME) from None


def storable_instant(text: str) -> datetime:
    """As `instant`, of a moment that is to be kept. Raises as it does."""
    return _storable(instant(text))


def duration(text: str) -> timedelta:
    """A number and a unit (s, m, h, d, w), such as "30d".

    Raises:
        ValueError: it is not one.
        OverflowError: it is longer than any time there is.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("must be a number and a unit such as 30d, 12h, 15m, 60s or 2w")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def expiry(text: str, now: datetime) -> datetime:
    """When something ends: a moment, or so long from `now`; always after `now`.

    Raises:
        ValueError: it is neither, or not in the future.
    """
    try:
        end = now + duration(text) if _DURATION.fullmatch(text) else instant(text)
    except OverflowError:
        raise ValueError("must be before the year 10000") from None
    if end <= now:
        raise ValueError("must be in the future")
    return _storable(end)


def day(text: str) -> date:
    """A day such as 2027-01-31.

    Raises:
        ValueError: it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a day that exists") from None


def first_day(given: date | None, last: date) -> date:
    """The first of the days that are asked for: the one that is given, or the 30th from the last.

    Raises:
        ValueError: it comes after the last, or too long before.
    """
    # Counted from the first day there is: no day is before it.
    first = given or date.fromordinal(max(1, last.toordinal() - DAYS + 1))
    if first > last:
        raise ValueError("must not be after the last day")
    if last - first >= timedelta(days=MOST_DAYS):
        raise ValueError(f"must be less than {MOST_DAYS} days before the last")
    return first


def _storable(moment: datetime) -> datetime:
    if moment in _ENDS:
        raise ValueError("must not be the first or the last moment there is")
    return moment
