"""The embedded PostgreSQL: a private database that lives as long as the program that owns it."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from app.database import answers
from app.embedded import binaries, cluster, locks
from app.embedded.account import choose
from app.embedded.guard import open_own
from app.embedded.layout import Layout, prepare
from app.embedded.patience import noting
from app.embedded.postmaster import Postmaster
from app.errors import CannotStart

__all__ = ["borrow", "serve"]

PATIENCE: Final = 30.0  # seconds to wait for a command that owns the database


@asynccontextmanager
async def serve(
    data_dir: Path, user: str = "nobody", settings: Mapping[str, str] = {}
) -> AsyncIterator[str]:
    """Own the database in `data_dir` for a service: create, start, watch over and at last stop it.

    Must run in the main thread, because on Linux the database ends with the thread that started it.

    Args:
        data_dir: where everything is kept; made, with its parents, when missing.
        user: name of the account PostgreSQL runs under when we are root; not used otherwise.
        settings: PostgreSQL settings in place of or besides our own.

    Returns:
        A context manager that gives the DSN. It stays the same when the database is restarted.

    Raises:
        CannotStart: another service uses `data_dir`, or anything else a person has to put right.
    """
    layout = prepare(data_dir)
    lock = await _alone(layout)
    async with _owned(layout, lock, user, settings) as dsn:
        yield dsn


@asynccontextmanager
async def borrow(
    data_dir: Path, user: str = "nobody", settings: Mapping[str, str] = {}
) -> AsyncIterator[str]:
    """Use the database in `data_dir` for a command: the running service's, else one of our own.

    Must run in the main thread, because on Linux the database ends with the thread that started it.

    Args:
        data_dir: as for `serve`.
        user: as for `serve`.
        settings: as for `serve`; without effect when a service runs the database already.

    Returns:
        A context manager that gives the DSN.

    Raises:
        CannotStart: another command does not come to an end, or as for `serve`.
    """
    layout = prepare(data_dir)
    lock = await _turn(layout)
    if lock is None:
        with layout.address() as dsn:
            yield dsn
        return
    async with _owned(layout, lock, user, settings) as dsn:
        yield dsn


async def _alone(layout: Layout) -> int:
    """Lock the directory for a service: waits for commands, refuses beside another service."""
    deadline = time.monotonic() + PATIENCE
    while (lock := locks.take(layout.service_lock)) is None:
        role, pid = await locks.holder(layout.service_lock)
        if role == "serve":
            raise CannotStart(f"another api-tokens service (pid {pid}) is using {layout.root}")
        _insist(deadline, layout, pid)
    locks.sign(lock, "serve")
    return lock


async def _turn(layout: Layout) -> int | None:
    """Lock the directory for a command; None once the database of a running service answers."""
    deadline = time.monotonic() + PATIENCE
    with noting(f"still waiting: another service or command is using {layout.root}"):
        while (lock := locks.take(layout.service_lock)) is None:
            role, pid = await locks.holder(layout.service_lock)
            if role != "serve":
                _insist(deadline, layout, pid)
            elif await _answers(layout):
                return None
    locks.sign(lock, "command")
    return lock


async def _answers(layout: Layout) -> bool:
    try:
        with layout.address() as dsn:
            return await answers(dsn)
    except FileNotFoundError:  # the service is still making the cluster
        return False


def _insist(deadline: float, layout: Layout, pid: str) -> None:
    if time.monotonic() > deadline:
        who = f"api-tokens command (pid {pid})" if pid else "program"
        raise CannotStart(f"another {who} keeps using {layout.root}")


@asynccontextmanager
async def _owned(
    layout: Layout, lock: int, user: str, settings: Mapping[str, str]
) -> AsyncIterator[str]:
    """Run the database as the holder of the directory's lock, and give the lock up at the end."""
    with locks.released(lock):
        os.close(open_own(layout.log, os.O_WRONLY | os.O_TRUNC))
        account = choose(user, layout.cluster)
        programs = await asyncio.to_thread(binaries.usable_by, account, binaries.find())
        await cluster.ensure(layout, programs, account)
        postmaster = Postmaster(layout, programs, account, settings)
        with layout.address() as dsn:
            async with postmaster.running(dsn):
                yield dsn
