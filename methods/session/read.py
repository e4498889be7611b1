"""Tell who calls."""

from app.call import Call, Row, Success
from app.errors import Code, Refusal


async def read(call: Call) -> Success:
    """Who calls, by what, and what they hold in effect.

    Raises:
        Refusal: the user has been deleted since the call began.
    """
    row = await call.row("session/read")
    if row is None:
        raise Refusal(Code.DELETED)
    answer = {
        "user": {name: row[name] for name in ("id", "name", "root")},
        "permissions": call.caller.permissions,
        "session": _part(row, "session", ("id", "created", "expires")),
        "api_token": _part(row, "token", ("id", "name", "expires")),
    }
    return Success(answer, {"permissions": call.permissions.describe(call.caller.permissions)})


def _part(row: Row, prefix: str, members: tuple[str, ...]) -> Row | None:
    """What the row has of one thing; None where that is not how the caller came."""
    if row[f"{prefix}_id"] is None:
        return None
    return {name: row[f"{prefix}_{name}"] for name in members}
