"""Verify an API token."""

from collections.abc import Mapping
from typing import Any

from app.call import Call


async def verify(
    call: Call, token: str, options: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """Tell whether a token is good, whose it is, and what it may do.

    Raises:
        Refusal: a permission that is asked for is unknown.
    """
    options = options or {}
    permissions = call.wanted(options)
    verdict = await call.verification.verified(token, permissions)
    return verdict.explained() if options.get("explain") else verdict.shown()
