"""What the processes tell each other: the supervisor its job, a worker how it goes."""

import os
from dataclasses import dataclass
from typing import Final

import orjson

from app.config import Settings

# Seconds for what a worker stands on to be closed, after calls and connections have ended.
CLOSING: Final = 15


@dataclass(frozen=True)
class Job:
    """What the supervisor is to do; told on its standard input, for there are secrets in it.

    `sockets` are the numbers of those that listen, for each worker its own.
    """

    parent: int
    sockets: list[list[int]]
    settings: Settings

    @property
    def patience(self) -> int:
        """Seconds that workers have to end well."""
        return 2 * round(self.settings.shutdown_timeout) + CLOSING


@dataclass(frozen=True)
class Report:
    """That a worker answers, or why it cannot: a line of the supervisor's standard output."""

    pid: int
    complaint: str | None = None

    @classmethod
    def of(cls, line: bytes) -> "Report":
        """The report that a line is."""
        return cls(**orjson.loads(line))

    def send(self) -> None:
        """Write it, at once, so that lines of several processes do not mix."""
        os.write(1, orjson.dumps(self) + b"\n")
