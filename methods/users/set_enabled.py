"""Enable or disable a user."""

from app.call import Call
from app.errors import conflict
from app.permissions import checked_touch


async def set_enabled(call: Call, user_id: str, enabled: bool) -> None:
    """Enable or disable a user: a disabled one's tokens are refused, and their sessions end.

    Raises:
        Refusal: there is no such user (404), they hold more than the caller, or nobody who is root
            would be left enabled.
    """
    row = await call.row("users/set_enabled", user_id=user_id, enabled=enabled)
    if checked_touch(row, "User not found")["last_root"]:
        raise conflict("The last enabled root user cannot be disabled")
