"""Ends a process with the one that started it, however that one ends."""

import ctypes
import os
import signal
import sys

from app.embedded.launch import PR_SET_PDEATHSIG


def hold(parent: int) -> None:
    """Have the kernel end this process, even a frozen one, when `parent` ends (Linux).

    Other systems need a look at `is_cut` from time to time.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if is_cut(parent):
        sys.exit("the program that wanted this process has gone")


def is_cut(parent: int) -> bool:
    """Whether `parent` has gone, and somebody else is our parent by now."""
    return os.getppid() != parent
