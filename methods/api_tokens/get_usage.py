"""Tell how a token was used."""

from collections.abc import Mapping

from app.call import Call, Row
from app.errors import not_found


async def get_usage(call: Call, token_id: str, options: Mapping[str, str] | None = None) -> Row:
    """When a token was last used, and how on each day.

    Raises:
        Refusal: the token is not there or not the caller's (404), or the days cannot be meant.
    """
    first, last = call.days("options", options or {})
    row = await call.row("api_tokens/get_usage", token_id=token_id, first_day=first, last_day=last)
    if row is None:
        raise not_found("Token not found")
    return row
