"""The account PostgreSQL runs under: our own, or an unprivileged one when we are root."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.embedded.guard import made
from app.embedded.layout import PROC
from app.embedded.patience import log
from app.errors import CannotStart

SHARED: Final = (
    "the embedded database runs as nobody, and so other processes of nobody could reach it: give "
    "it an account of its own with --embedded-user (and a database made before with chown -R %s)"
)


@dataclass(frozen=True)
class Account:
    """The user and group numbers of a process; it has no further groups."""

    uid: int
    gid: int

    def may(self, path: Path, rights: int) -> bool:
        """Say whether the mode of `path` grants `rights` (an octal digit, r=4 w=2 x=1)."""
        status = path.stat()
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
        return (status.st_mode >> shift) & rights == rights


def choose(user: str, cluster: Path) -> Account:
    """Choose the account for the cluster: whoever owns it already, else `user`, if we are root.

    Warns when that is nobody, whom unrelated programs run as, too.

    Raises:
        CannotStart: there is no such user, it is root itself, or this platform has no /proc.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if not PROC:
        # Below our own 0700 directory only /proc/self/cwd leads that account to its files.
        raise CannotStart("without /proc the embedded database cannot be run by root")
    account = _owner(cluster) or _named(user)
    if account.uid == 0:
        raise CannotStart("PostgreSQL refuses to run as root: name an unprivileged user for it")
    if _is_nobody(account):
        log.warning(SHARED, cluster)
    return account


def _owner(cluster: Path) -> Account | None:
    # A command run with sudo must not take an ordinary user's cluster away from them.
    status = made(cluster)
    return Account(status.st_uid, status.st_gid) if status else None


def _named(user: str) -> Account:
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise CannotStart(f"there is no user {user!r} to run the embedded database as") from None
    return Account(entry.pw_uid, entry.pw_gid)


def _is_nobody(account: Account) -> bool:
    try:
        return pwd.getpwnam("nobody").pw_uid == account.uid
    except KeyError:
        return False
