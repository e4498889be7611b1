"""The locks on the data directory, which end with their last holder however that one dies."""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from app.embedded.guard import open_own
from app.embedded.patience import PAUSE, noting, until


def take(path: Path) -> int | None:
    """Lock a file, made when missing.

    Returns:
        The descriptor that holds the lock until it is closed here and in every heir; None when
        somebody else holds it.

    Raises:
        CannotStart: the file is a symbolic link.
        OSError: the file cannot be opened or locked at all.
    """
    descriptor = open_own(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


async def when_free(path: Path) -> int:
    """Lock a file as soon as nobody else holds it, and return the descriptor."""
    with noting(f"still waiting for an earlier PostgreSQL to end: it holds {path}"):
        return await until(lambda: take(path))


def sign(lock: int, role: Literal["serve", "command"]) -> None:
    """Write into a lock we hold what we are, for `holder` to read."""
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{role} {os.getpid()}\n".encode(), 0)


async def holder(path: Path) -> tuple[str, str]:
    """Read who holds a lock, after a short pause.

    Returns:
        The role and process number of the holder; two empty strings while they are not certain.
    """
    # Twice, since a new holder's first moment still shows the text of one that was killed.
    before = _signature(path)
    await asyncio.sleep(PAUSE)
    return before if _signature(path) == before else ("", "")


def _signature(path: Path) -> tuple[str, str]:
    with open(path, opener=open_own) as lock:
        role, _, pid = lock.read().strip().partition(" ")
    return role, pid


@contextmanager
def released(lock: int) -> Iterator[None]:
    """Give a lock up, and take our name off it, at the end of the context."""
    try:
        yield
    finally:
        os.ftruncate(lock, 0)
        os.close(lock)
