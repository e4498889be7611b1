"""List audit events, or read one."""

from collections.abc import Mapping
from typing import Any

from app.call import Call, Success
from app.errors import Code, Refusal
from app.permissions import ADMIN


async def read(call: Call, options: Mapping[str, Any] | None = None) -> Success:
    """The events that the options ask for: the caller's own, or everybody's for an administrator.

    Raises:
        Refusal: an option cannot be used, the `id` is not there, or `owner` is not the caller's.
    """
    options = options or {}
    return await call.page("audit/read", options, _owned(call, options.get("owner", "all")))


def _owned(call: Call, owner: str) -> tuple[str, str, str, str | None]:
    """Whose events: those a user is the actor or the target of, or everybody's."""
    if owner == "me":
        return ("about", "uuid", "=", call.caller.user_id)
    if not call.caller.holds(ADMIN):
        raise Refusal(Code.ACCESS_DENIED)
    return ("view", "text", "=", "all") if owner == "all" else ("about", "uuid", "=", owner)
