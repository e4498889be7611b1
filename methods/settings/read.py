"""Read the settings of the service."""

from collections.abc import Mapping
from typing import Any

from app.call import Call


async def read(call: Call) -> Mapping[str, Any]:
    """Whether the API is on, and every permission and role there is."""
    row = await call.row("settings/read")
    assert row, "the settings are one row, always"
    known = call.permissions
    return {
        "api_enabled": row["api_enabled"],
        "permissions": {
            p.name: {"title": p.title, "description": p.description, "default": p.default}
            for p in known.permissions.values()
        },
        "roles": {
            r.name: {"title": r.title, "permissions": r.permissions} for r in known.roles.values()
        },
    }
