"""Tells what a token is good for: from memory where that is known to be true, else by asking."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final

from app.lookups import Lookups
from app.token_cache import TokenCache
from app.token_format import LONGEST, Format, is_session
from app.usage import Usage
from app.verdicts import VALID, Known, Verdict, VerdictCode, permission_map

_KEY_BYTES: Final = 24


class Verification:
    """Verifies tokens, and notes that they were used.

    Args:
        tokens: tells what can be a token.
        cache: what is known.
        lookups: finds what is not.
        usage: where uses are noted.
    """

    def __init__(self, tokens: Format, cache: TokenCache, lookups: Lookups, usage: Usage) -> None:
        self._tokens = tokens
        self._cache = cache
        self._lookups = lookups
        self._usage = usage
        # What is kept in memory is kept under a digest that means nothing anywhere else.
        self._salt = secrets.token_bytes(32)

    async def verified(self, token: str, permissions: Sequence[str] = ()) -> Verdict:
        """What a token comes to that shall be used for something that takes these permissions.

        Raises:
            Refusal: the database is out of reach or busy.
        """
        known = self.kept(token) or await self.found(token)
        if known is None:
            is_well_formed = self._can_be_a_token(token)
            return Verdict(VerdictCode.NOT_FOUND, None, permissions, is_well_formed)
        return Verdict(self.used(known, permissions), known, permissions)

    def used(self, known: Known, permissions: Sequence[str] = ()) -> VerdictCode:
        """What this use of a token comes to; it is noted."""
        code = known.code(_now)
        if permissions and code is VALID:
            held = permission_map(known.scope)
            if not all(name in held for name in permissions):
                code = VerdictCode.INSUFFICIENT_PERMISSIONS
        self._usage.count(known.token_id, code, permissions, known.until is not None)
        return code

    def kept(self, secret: str) -> Known | None:
        """The facts of the token with this secret, if they are in memory: nobody is asked."""
        if len(secret) > LONGEST or not secret.isascii():
            return None
        known = self._cache.get(self._key(secret))
        return known if known is None or known.until is None or _now() < known.until else None

    async def known(self, secret: str) -> Known | None:
        """The facts of the token with this secret; None: there is none. Raises as `verified`."""
        return self.kept(secret) or await self.found(secret)

    async def found(self, secret: str) -> Known | None:
        """As `known`, of a token that is not in memory."""
        if len(secret) > LONGEST or not secret.isascii():
            return None
        key = self._key(secret)
        # What cannot be a token is refused here: junk never reaches the database.
        if self._cache.is_missing(key) or not self._can_be_a_token(secret):
            return None
        return await self._lookups.find(key, secret)

    def made(self) -> None:
        """Something was made here that may be a token which was asked for before."""
        self._cache.made()

    def _key(self, secret: str) -> bytes:
        return blake2b(self._salt + secret.encode(), digest_size=_KEY_BYTES).digest()

    def _can_be_a_token(self, secret: str) -> bool:
        return not is_session(secret) and self._tokens.is_well_formed(secret)


def _now() -> datetime:
    return datetime.now(UTC)
