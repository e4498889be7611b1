"""List users, or read one."""

from collections.abc import Mapping
from typing import Any

from app.call import Call, Success


async def read(call: Call, options: Mapping[str, Any] | None = None) -> Success:
    """The users that the options ask for.

    Raises:
        Refusal: an option cannot be used, or the `id` is not there.
    """
    return await call.page("users/read", options or {})
