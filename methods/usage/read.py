"""Tell how the service is used."""

from collections.abc import Mapping
from typing import Any

from app.call import Call


async def read(call: Call, options: Mapping[str, str] | None = None) -> Mapping[str, Any]:
    """How all tokens together were used on each day.

    Raises:
        Refusal: the days cannot be meant.
    """
    first, last = call.days("options", options or {})
    return {"days": await call.rows("usage/read", first_day=first, last_day=last)}
