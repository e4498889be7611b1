"""Add a user."""

from collections.abc import Mapping
from typing import Any

from app.call import Call, Row


async def create(call: Call, name: str, options: Mapping[str, Any] | None = None) -> Row | None:
    """Add a user who holds the default permissions, or exactly those named.

    Raises:
        Refusal: a permission is unknown or not the caller's to give, the password is weak, or the
            name is taken.
    """
    options = options or {}
    names = options.get("permissions")
    # What an empty map leaves open is held by default: that is granted as well.
    granted = call.permissions.known if names is None else call.permissions.exactly(names)
    permissions = {} if names is None else granted
    call.permissions.check_grant(call.caller.permissions, granted)
    return await call.row(
        "users/create",
        name=name,
        permissions=permissions,
        password_hash=await call.password_hash("options", "password", options.get("password")),
    )
