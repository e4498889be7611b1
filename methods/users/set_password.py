"""Give a user a password."""

from app.call import Call
from app.permissions import checked_touch


async def set_password(call: Call, user_id: str, password: str | None) -> None:
    """Set a user's password, or take it away, and end all their sessions.

    Raises:
        Refusal: the password is weak; there is no such user (404), or they hold more than the
            caller.
    """
    hashed = await call.password_hash("password", None, password)
    row = await call.row("users/set_password", user_id=user_id, password_hash=hashed)
    checked_touch(row, "User not found")
