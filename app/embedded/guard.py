"""What nobody else may do to our data directory: write to it, or put links in place of files."""

import errno
import os
from pathlib import Path

from app.errors import CannotStart


def open_own(path: Path | str, flags: int) -> int:
    """Open a file of the data directory, made when missing; fit for an `opener`, too.

    Raises:
        CannotStart: it is a symbolic link.
        OSError: it cannot be opened.
    """
    try:
        # Root may work in an ordinary user's directory, and must not follow that user's links.
        return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise CannotStart(f"{path} is a symbolic link: remove it") from error
        raise


def refuse_foreign(directory: Path, cluster: Path) -> None:
    """Refuse a data directory in which somebody else could replace our files.

    Raises:
        CannotStart: others may write to it, or it is another user's.
        OSError: it cannot be looked at.
    """
    status = directory.stat()
    if status.st_mode & 0o022:
        raise CannotStart(f"{directory} can be written by others: run chmod go-w on it")
    if status.st_uid not in _rightful_owners(cluster):
        raise CannotStart(
            f"{directory} belongs to user number {status.st_uid}: run this as that user, or "
            f"chown it to number {os.geteuid()}"
        )


def made(cluster: Path) -> os.stat_result | None:
    """Look at a cluster; None if there is none yet."""
    return cluster.stat() if (cluster / "PG_VERSION").exists() else None


def _rightful_owners(cluster: Path) -> set[int]:
    if os.geteuid() != 0:
        return {os.geteuid()}
    status = made(cluster)
    return {0, status.st_uid} if status else {0}  # a cluster's owner calls a command with sudo
