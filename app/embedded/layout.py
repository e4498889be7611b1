"""The files below the data directory, and the address of the database in it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from app.embedded.guard import open_own, refuse_foreign
from app.errors import CannotStart

# Whether paths below /proc name what a process has open; else the directory's own path must do.
PROC: Final = Path("/proc/self/cwd").exists()
ROLE: Final = "api_tokens"
PORT: Final = 5432
SOCKET: Final = f".s.PGSQL.{PORT}"
# In bytes; the kernel's limit, less the closing zero.
LONGEST_SOCKET_PATH: Final = 107 if sys.platform == "linux" else 103


@dataclass(frozen=True)
class Layout:
    """Where each thing below the data directory `root` (an absolute path) is."""

    root: Path

    @property
    def service_lock(self) -> Path:
        """Locked by the service or command that owns the database; says who that is."""
        return self.root / "service.lock"

    @property
    def postgres_lock(self) -> Path:
        """Locked as long as one PostgreSQL process of this cluster lives."""
        return self.root / "postgres.lock"

    @property
    def log(self) -> Path:
        """What PostgreSQL says; emptied whenever a new owner starts it."""
        return self.root / "postgres.log"

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own directory, complete from the moment it exists."""
        return self.root / "postgres"

    @property
    def unfinished(self) -> Path:
        """The cluster while initdb makes it."""
        return self.root / "postgres.new"

    @contextmanager
    def address(self) -> Iterator[str]:
        """Give the DSN of the database; usable by this process and only inside the context.

        Raises:
            CannotStart: the path is too long for a socket and there is no /proc to shorten it.
            FileNotFoundError: there is no cluster yet.
        """
        if _fits(self.cluster):
            yield _dsn(str(self.cluster))
            return
        if not PROC:
            raise CannotStart(f"the path {self.cluster} is too long or has a comma in it")
        directory = os.open(self.cluster, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield _dsn(f"/proc/{os.getpid()}/fd/{directory}")
        finally:
            os.close(directory)


def prepare(data_dir: Path) -> Layout:
    """Make the data directory, if it is missing, and the files that must be ours.

    Returns:
        The layout of the directory.

    Raises:
        CannotStart: the directory cannot be made or written, or somebody else could write to it.
    """
    layout = Layout(data_dir.absolute())
    with explained(layout.root):
        layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_foreign(layout.root, layout.cluster)
        for path in (layout.service_lock, layout.postgres_lock, layout.log):
            os.close(open_own(path, os.O_RDWR))
    return layout


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an operating system's refusal inside the context into a CannotStart about `path`."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise CannotStart(
            f"cannot keep the embedded database in {path}: {error.strerror}{where}"
        ) from error


def _fits(cluster: Path) -> bool:
    # asyncpg takes a comma for the border between two hosts.
    return len(os.fsencode(cluster / SOCKET)) <= LONGEST_SOCKET_PATH and "," not in str(cluster)


def _dsn(host: str) -> str:
    return f"postgresql://{ROLE}@/postgres?host={quote(host)}&port={PORT}"
