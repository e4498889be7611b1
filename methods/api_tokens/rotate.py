"""Give an API token a new secret."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app import moments
from app.call import Call, Row
from app.errors import conflict
from app.permissions import checked_touch

LONGEST_GRACE = timedelta(days=7)
# How long the answer to an idempotency key can be had again.
REMEMBERED = timedelta(days=1)
NONCE_BYTES = 16
REPLACED = "Token has another secret by now than this idempotency key gave it"
REFUSALS = {
    "replaced": REPLACED,
    "outrun": "Token was rotated by somebody else at the same moment",
    "disabled": "Token is disabled",
    "expired": "Token has expired",
}


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a caller with an idempotency key asks for: `key` tells it from all others.

    The new secret is derived from `seed`, a nonce that is stored, and the server key: so that the
    same wish can be answered with the same secret. The seed is stored nowhere, nor is the secret.
    """

    key: bytes
    seed: bytes
    nonce: bytes

    @classmethod
    def of(cls, call: Call, token_id: str, idempotency_key: str) -> "_Wish":
        text = f"{call.caller.user_id} {token_id.lower()} {idempotency_key}"
        key, seed = (hashlib.sha256(f"{use} {text}".encode()).digest() for use in ("key", "seed"))
        return cls(key, seed, secrets.token_bytes(NONCE_BYTES))


async def rotate(call: Call, token_id: str, options: Mapping[str, Any] | None = None) -> Row:
    """Replace a token's secret by a new one; the answer is the one time that is shown.

    Raises:
        Refusal: the grace is too long or the expiry past; the token is disabled, expired or just
            being rotated (409), not there or not the caller's (404), or stronger than the caller.
    """
    options = options or {}
    wish = None
    if options.get("idempotency_key") is not None:
        wish = _Wish.of(call, token_id, options["idempotency_key"])
    secret = call.tokens.derive(wish.seed + wish.nonce)[0] if wish else call.tokens.make()
    row = await call.row(
        "api_tokens/rotate",
        token_id=token_id,
        digest=call.tokens.digest(secret),
        digest_scheme=call.tokens.scheme,
        hint=call.tokens.hint(secret),
        sealed=call.tokens.recovery.seal(secret),
        grace=_grace(call, options),
        until_first_use=options.get("until_first_use", False),
        sets_expires="expires" in options,
        expires=call.expiry("options", options.get("expires")),
        rotation_key=wish and wish.key,
        rotation_nonce=wish and wish.nonce,
        remembered=REMEMBERED,
    )
    row = checked_touch(row, "Token not found")
    if row["verdict"] in REFUSALS:
        raise conflict(REFUSALS[row["verdict"]])
    if wish and row["verdict"] == "repeated":
        secret = _again(call, wish, row)
    hidden = {"allowed", "verdict", "stored", "rotation_nonce"}
    return {name: value for name, value in row.items() if name not in hidden} | {"token": secret}


def _grace(call: Call, options: Mapping[str, Any]) -> timedelta | None:
    """How long the secret before goes on working; None: not at all."""
    given = options.get("grace")
    given = 0 if given is None else given
    try:
        grace = moments.duration(given) if isinstance(given, str) else timedelta(seconds=given)
    except OverflowError:
        grace = timedelta.max
    except ValueError as error:
        raise call.fault("options", "grace", str(error)) from None
    if grace > LONGEST_GRACE:
        raise call.fault("options", "grace", f"must be at most {LONGEST_GRACE.days} days")
    if options.get("until_first_use") and not grace:
        raise call.fault("options", "until_first_use", "needs a grace")
    return grace or None


def _again(call: Call, wish: _Wish, row: Row) -> str:
    """The secret that the same wish was answered with before, if it still is the token's."""
    for secret in call.tokens.derive(wish.seed + row["rotation_nonce"]):
        if row["stored"] in call.tokens.digests(secret):
            return secret
    raise conflict(REPLACED)
