"""Make an API token."""

from collections.abc import Mapping
from typing import Any

from app.call import Call, Row
from app.errors import conflict


async def create(call: Call, name: str, options: Mapping[str, Any] | None = None) -> Row:
    """Make a token for the caller's user; the answer is the one time its secret is shown.

    Raises:
        Refusal: the role or a permission is unknown or not the caller's to grant, the expiry is
            past, or the chosen value is weak or taken.
    """
    options = options or {}
    secret = options.get("token")
    if secret is None:
        secret = call.tokens.make()
    else:
        call.check_value("options", secret)
    row = await call.row(
        "api_tokens/create",
        name=name,
        role=options.get("role"),
        permissions=call.granted(options),
        **call.tokens.stored(secret),
        expires=call.expiry("options", options.get("expires")),
        metadata=options.get("metadata", {}),
        created_by=call.creator,
    )
    if row is None:
        raise conflict("Token value is taken")
    return {**row, "token": secret}
