"""Becomes a PostgreSQL program that is not root and does not outlive the process that started it.

Run by its path: `python -I -S launch.py PARENT UID GID PROGRAM ARGUMENT...`. It is a program of its
own, not a `preexec_fn`, since Python code between fork and exec can hang when there are threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "TZ": "UTC"}


def become(uid: int, gid: int) -> None:
    """Change from root to the given user and group, for good and with no further groups."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def die_with(parent: int) -> None:
    """Have this process interrupted, PostgreSQL's fast shutdown, when `parent` ends."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        # After the change of user, which the kernel answers by clearing this.
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
    else:
        watch(os.getpid())
    if os.getppid() != parent:
        sys.exit("the program that wanted PostgreSQL has gone")


def watch(postmaster: int) -> None:
    """Fork a process that interrupts `postmaster` when our standard input ends.

    For platforms without prctl. That input is a pipe which only the service holds open. This
    guard is the weaker one: it is gone when somebody kills the watching process.
    """
    if os.fork():
        return
    os.closerange(1, 256)  # the lock and the log are not ours to hold
    os.read(0, 1)
    if os.getppid() == postmaster:
        os.kill(postmaster, signal.SIGINT)
    os._exit(0)


if __name__ == "__main__":
    become(int(sys.argv[2]), int(sys.argv[3]))
    die_with(int(sys.argv[1]))
    os.execve(sys.argv[4], sys.argv[4:], ENVIRONMENT)  # noqa: S606 - no shell is wanted
