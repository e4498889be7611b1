"""List API tokens, or read one."""

from collections.abc import Mapping
from typing import Any

from app.call import Call, Success
from app.errors import Code, Refusal
from app.permissions import ADMIN


async def read(call: Call, options: Mapping[str, Any] | None = None) -> Success:
    """The caller's tokens that the options ask for, or everybody's for an administrator.

    Raises:
        Refusal: an option cannot be used, the `id` is not there, or `owner` is not the caller's.
    """
    options = options or {}
    where = dict(options.get("where", {}))
    given = [*_owned(call, options), *_matching(call, where.pop("token", None))]
    return await call.page("api_tokens/read", {**options, "where": where}, *given)


def _owned(call: Call, options: Mapping[str, Any]) -> list[tuple[str, str, str, Any]]:
    """Whose tokens: without a condition, everybody's."""
    owner = options.get("owner", "me")
    if owner == "me":
        owner = call.caller.user_id
    elif not call.caller.holds(ADMIN):
        raise Refusal(Code.ACCESS_DENIED)
    return [] if owner == "all" else [("user_id", "uuid", "=", owner)]


def _matching(call: Call, token: str | list[str] | None) -> list[tuple[str, str, str, Any]]:
    """What can be a token is looked up as one, all else among the hints."""
    value = token[1] if isinstance(token, list) else token
    if value is None:
        return []
    if call.tokens.is_well_formed(value):
        return [("token", "bytea[]", "bears", call.tokens.digests(value))]
    return [("hint", "text", "includes", value)]
