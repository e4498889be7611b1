"""Add a user."""

from collections.abc import Mapping
from typing import Any

from app.call import Call, Row


async def create(call: Call, name: str, options: Mapping[str, Any] | None = None) -> Row | None:
    """Add a user who holds the default permissions, or exactly those named.

    Raises:
        Refusal: a permission is unknown or not the caller's to give, or the name is taken.
    """
    names = (options or {}).get("permissions")
    permissions = {} if names is None else call.permissions.exactly(names)
    call.permissions.check_grant(call.caller.permissions, permissions)
    return await call.row("users/create", name=name, permissions=permissions)
