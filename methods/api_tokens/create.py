"""Make an API token."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app import moments
from app.call import Call, Row
from app.errors import bad_request, conflict


async def create(call: Call, name: str, options: Mapping[str, Any] | None = None) -> Row:
    """Make a token for the caller's user; the answer is the one time its secret is shown.

    Raises:
        Refusal: the role or a permission is unknown or not the caller's to grant, the expiry is
            past, or the chosen value is weak or taken.
    """
    options = options or {}
    secret = _secret(call, options.get("token"))
    row = await call.row(
        "api_tokens/create",
        name=name,
        role=options.get("role"),
        permissions=_granted(call, options),
        digests=call.tokens.digests(secret),
        digest_scheme=call.tokens.scheme,
        hint=call.tokens.hint(secret),
        expires=_expires(call, options.get("expires")),
        metadata=options.get("metadata", {}),
        created_by=_creator(call),
    )
    if row is None:
        raise conflict("Token value is taken")
    return {**row, "token": secret}


def _granted(call: Call, options: Mapping[str, Any]) -> Mapping[str, bool]:
    """The permission map of the new token: the role's, or the one given, or none."""
    role, wanted = options.get("role"), options.get("permissions")
    if role is not None and wanted is not None:
        raise bad_request("Give either a role or permissions, not both")
    if role is not None:
        wanted = dict.fromkeys(call.permissions.role(role).permissions, True)
    call.permissions.check_grant(call.caller.permissions, wanted or {})
    return wanted or {}


def _secret(call: Call, chosen: str | None) -> str:
    if chosen is None:
        return call.tokens.make()
    weakness = call.tokens.weakness(chosen)
    if weakness:
        raise call.fault("options", "token", weakness)
    return chosen


def _expires(call: Call, text: str | None) -> datetime | None:
    try:
        return None if text is None else moments.expiry(text, call.now)
    except ValueError as error:
        raise call.fault("options", "expires", str(error)) from None


def _creator(call: Call) -> Mapping[str, Any]:
    """Who made it, by the names of that day: it stays true when they change or go."""
    caller = call.caller
    return {
        "user_id": caller.user_id,
        "user_name": caller.user_name,
        "token_id": caller.token_id,
        "token_name": caller.token_name,
    }
