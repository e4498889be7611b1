"""Tell how a token was used."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from app.call import Call, Row
from app.errors import not_found

DAYS: Final = 30
MOST_DAYS: Final = 366


async def get_usage(call: Call, token_id: str, options: Mapping[str, str] | None = None) -> Row:
    """When a token was last used, and how on each day.

    Raises:
        Refusal: the token is not there or not the caller's (404), or the days cannot be meant.
    """
    first, last = _days(call, options or {})
    row = await call.row("api_tokens/get_usage", token_id=token_id, first_day=first, last_day=last)
    if row is None:
        raise not_found("Token not found")
    return row


def _days(call: Call, options: Mapping[str, str]) -> tuple[date, date]:
    """The first and the last day that is asked for."""
    last = _day(call, options, "to") or call.now.date()
    # Counted from the first day there is: no day is before it.
    default = date.fromordinal(max(1, last.toordinal() - DAYS + 1))
    first = _day(call, options, "from") or default
    if first > last:
        raise call.fault("options", "from", "must not be after the last day")
    if last - first >= timedelta(days=MOST_DAYS):
        raise call.fault("options", "from", f"must be less than {MOST_DAYS} days before the last")
    return first, last


def _day(call: Call, options: Mapping[str, str], member: str) -> date | None:
    text = options.get(member)
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise call.fault("options", member, "must be a day that exists") from None
