"""Passwords: hashed with Argon2id (RFC 9106) off the event loop, so many at a time and no more."""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from app.errors import Code, Refusal

# Who would wait longer than this many others take is told to come back.
MOST_WAITING: Final = 32
# The second choice of RFC 9106, section 4, whose memory is 64 MiB.
PASSES: Final = 3
LANES: Final = 4
FEWEST_DISTINCT: Final = 5

T = TypeVar("T")


class Passwords:
    """Hashes and checks passwords.

    Args:
        memory: KiB that one hash takes.
        workers: how many are made at a time; so much memory is needed at most.
    """

    def __init__(self, memory: int, workers: int) -> None:
        self._hasher = PasswordHasher(PASSES, memory, LANES)
        self._workers = workers
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="argon2")
        self._pending = 0

    async def hash(self, password: str) -> str:
        """The hash to store. Raises as `is_right` does."""
        return await self._off_loop(self._hash, password)

    async def is_right(self, password: str, stored: str | None) -> bool:
        """Whether this is the password that was hashed; without a hash it takes as long to say no.

        Raises:
            Refusal: too many others are waiting.
        """
        if stored is None:
            await self._off_loop(self._hash, password)
            return False
        return await self._off_loop(self._verify, stored, password)

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash was made with other parameters than new ones are."""
        return self._hasher.check_needs_rehash(stored)

    def weakness(self, password: str) -> str | None:
        """What is wrong with a password somebody chose, or None; its length is the schema's."""
        if len(set(password)) < FEWEST_DISTINCT:
            return f"must have at least {FEWEST_DISTINCT} different characters"
        return None

    def close(self) -> None:
        """Make no more hashes."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _hash(self, password: str) -> str:
        return self._hasher.hash(_spelled(password))

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, _spelled(password))
        except VerifyMismatchError:
            return False

    async def _off_loop(self, work: Callable[..., T], *arguments: str) -> T:
        if self._pending >= self._workers + MOST_WAITING:
            raise Refusal(Code.TOO_MANY_REQUESTS)
        self._pending += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        # Not when the caller leaves: the thread works on.
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def _done(self, _future: object) -> None:
        self._pending -= 1


def _spelled(password: str) -> str:
    """One spelling of what keyboards spell in several (NIST SP 800-63B, section 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
