"""The cluster directory: made whole or not at all, and refused if it is not for our PostgreSQL."""

import os
import shutil
from typing import Final

from app.embedded import locks
from app.embedded.account import Account
from app.embedded.binaries import Binaries
from app.embedded.child import HERE, end, ended, last_words, spawn
from app.embedded.layout import ROLE, Layout, explained
from app.embedded.patience import to_the_end
from app.errors import CannotStart

INITDB: Final = (
    f"--username={ROLE}",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",  # C.UTF-8 here too would need the platform's own, which macOS has not
    "--data-checksums",
    "--auth-local=trust",  # only its owner and root can reach the socket
    "--auth-host=reject",
)


async def ensure(layout: Layout, binaries: Binaries, account: Account) -> None:
    """Make the cluster if there is none.

    Raises:
        CannotStart: it cannot be made, or what is there belongs to another PostgreSQL.
    """
    with explained(layout.root):
        if layout.cluster.exists() and any(layout.cluster.iterdir()):
            _refuse_other_version(layout, binaries)
        else:
            await _make(layout, binaries, account)


def _refuse_other_version(layout: Layout, binaries: Binaries) -> None:
    try:
        version = (layout.cluster / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise CannotStart(f"{layout.cluster} is not a PostgreSQL cluster: move it away") from None
    if version != binaries.major:
        raise CannotStart(
            f"{layout.cluster} is a cluster of PostgreSQL {version:.9}, this is PostgreSQL "
            f"{binaries.major}: dump it with the old one and move it away"
        )


async def _make(layout: Layout, binaries: Binaries, account: Account) -> None:
    """Run initdb in a directory beside, which gets its final name only when it is complete."""
    lock = await locks.when_free(layout.postgres_lock)
    try:
        _clear(layout, account)
        await _initdb(layout, binaries, account, lock)
        layout.unfinished.rename(layout.cluster)
        _sync(layout)
    finally:
        os.close(lock)


def _clear(layout: Layout, account: Account) -> None:
    """Put an empty directory in the place of what an initdb that was killed has left."""
    if layout.unfinished.exists():
        shutil.rmtree(layout.unfinished)
    layout.unfinished.mkdir(mode=0o700)
    os.chown(layout.unfinished, account.uid, account.gid, follow_symlinks=False)


async def _initdb(layout: Layout, binaries: Binaries, account: Account, lock: int) -> None:
    command = [str(binaries.initdb), f"--pgdata={HERE}", *INITDB]
    child = spawn(command, layout.unfinished, layout, account, lock)
    try:
        status = await ended(child)
    finally:
        await to_the_end(end(child))
    if status != 0:
        raise CannotStart(f"initdb failed: {last_words(layout)} (see {layout.log})")


def _sync(layout: Layout) -> None:
    directory = os.open(layout.root, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
