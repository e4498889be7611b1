"""Delete a user."""

from app.call import Call
from app.errors import conflict
from app.permissions import checked_touch


async def delete(call: Call, user_id: str) -> None:
    """Delete a user: their tokens and sessions end with them, at once.

    Raises:
        Refusal: there is no such user (404), they hold more than the caller, or nobody who is root
            would be left enabled.
    """
    row = await call.row("users/delete", user_id=user_id)
    if checked_touch(row, "User not found")["last_root"]:
        raise conflict("The last enabled root user cannot be deleted")
