"""A PostgreSQL program as our child: started, waited for, ended, and what it said last."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from app.embedded.account import Account
from app.embedded.guard import open_own
from app.embedded.layout import PROC, Layout
from app.embedded.patience import PAUSE, until

# How the child names its working directory: a way that no parent directory's mode can block.
HERE: Final = "/proc/self/cwd" if PROC else "."
LAUNCHER: Final = Path(__file__).with_name("launch.py")
COMPLAINT: Final = re.compile(r"\b(?:FATAL|PANIC|error): .*")
# Each harsher than the one before, with the seconds it has to work.
ENDINGS: Final = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

Child = subprocess.Popen[bytes]


def spawn(
    command: Sequence[str], directory: Path, layout: Layout, account: Account, lock: int
) -> Child:
    """Start a program in `directory`; its descendants all hold `lock`.

    To be called in the main thread: on Linux the child ends with the thread that started it.

    Raises:
        CannotStart: the log is a symbolic link.
        OSError: the process cannot be made.
    """
    launch = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid())]
    with open(layout.log, "ab", opener=open_own) as log:
        return subprocess.Popen(  # noqa: S603 - our launcher and the wheel's programs
            [*launch, str(account.uid), str(account.gid), *command],
            cwd=directory,
            stdin=subprocess.PIPE,  # never written; its end tells a watcher that we have gone
            stdout=log,
            stderr=log,
            pass_fds=(lock,),
            start_new_session=True,  # a terminal's Ctrl-C is for us alone
        )


async def ended(child: Child, pause: float = PAUSE) -> int:
    """Wait until the child has ended and return its exit status, negative for a signal."""
    status = await until(child.poll, pause)
    if child.stdin is not None:
        child.stdin.close()
    return status


async def end(child: Child) -> None:
    """Shut the child down, gently at first, and return only when it has ended."""
    for number, patience in ENDINGS:
        child.send_signal(number)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await ended(child)
                return
    await ended(child)


def last_words(layout: Layout) -> str:
    """Return the last complaint in the log, else its last line."""
    with open(layout.log, errors="replace", opener=open_own) as log:
        text = log.read().strip()
    complaints = COMPLAINT.findall(text)
    last_line = text.rpartition("\n")[2] or "it said nothing"
    return str(complaints[-1]) if complaints else last_line
