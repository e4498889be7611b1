"""Change an API token."""

from collections.abc import Mapping
from typing import Any

from app.call import Call, Row
from app.errors import conflict
from app.permissions import checked_touch


async def update(call: Call, token_id: str, changes: Mapping[str, Any]) -> Row:
    """Change what is given of a token: name, role, expiry, value, metadata; end its rotation.

    Raises:
        Refusal: the role is unknown or not the caller's to grant, the expiry is past, the value is
            weak or taken; the token is not there or not the caller's (404), or stronger than the
            caller.
    """
    secret, role = changes.get("token"), changes.get("role")
    row = await call.row(
        "api_tokens/update",
        token_id=token_id,
        name=changes.get("name"),
        sets_role="role" in changes,
        role=role,
        permissions=call.granted_role(role) if role is not None else None,
        sets_expires="expires" in changes,
        expires=call.expiry("changes", changes.get("expires")),
        metadata=changes.get("metadata"),
        told=_told(changes),
        finish_rotation=changes.get("finish_rotation", False),
        **_value(call, secret),
    )
    row = checked_touch(row, "Token not found")
    if row["taken"]:
        raise conflict("Token value is taken")
    return {name: value for name, value in row.items() if name not in {"allowed", "taken"}}


def _value(call: Call, secret: str | None) -> dict[str, Any]:
    """What is stored of a value of one's own; nothing if there is none."""
    if secret is None:
        return dict.fromkeys(("digests", "digest_scheme", "hint", "sealed"))
    call.check_value("changes", secret)
    return call.tokens.stored(secret)


def _told(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes as the audit trail keeps them: never the secret, of what is long only that."""
    return {name: True if name in {"token", "metadata"} else v for name, v in changes.items()}
