"""The program that keeps the workers running: gunicorn's, with a few things changed.

Run as a child of `serve`, which tells it its job. Here gunicorn reads no file and no command line,
and of the environment only what some defaults are made of.
"""

import os
import pickle
import signal
import sys
from pathlib import Path
from typing import Any, Final

from gunicorn import arbiter, glogging
from gunicorn.config import Config
from gunicorn.errors import HaltServer

from app.server import log_to_stderr
from app.workers import lifeline
from app.workers.application import Application
from app.workers.job import Job
from app.workers.worker import ENDINGS, Worker

SILENCE: Final = 30  # seconds without a sign of life after which a worker is replaced
# Where the files are whose times are the signs of life: not on a disk, which may be slow or full.
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - gunicorn makes them as `mkstemp` does
# gunicorn's other signals change what it does or start it again; our parent is who may do that.
IGNORED: Final = ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGTTIN", "SIGTTOU")


class Log(glogging.Logger):
    """What gunicorn says among our own lines: what an operator should see, and no more."""

    def setup(self, cfg: Config) -> None:
        """Leave the lines to the handlers that we have."""
        super().setup(cfg)
        self.error_log.propagate = True

    def info(self, msg: object, *args: Any, **kwargs: Any) -> None:
        """An ordinary start or stop is nothing to talk about."""
        self.debug(msg, *args, **kwargs)


class Supervisor(arbiter.Arbiter):
    """Forks workers, and forks others when they end or freeze."""

    app: Application

    def init_signals(self) -> None:
        """Heed nothing but the signals to end."""
        super().init_signals()
        for name in IGNORED:
            signal.signal(getattr(signal, name), signal.SIG_IGN)

    def manage_workers(self) -> None:
        """End when our parent has ended. Called each second."""
        if lifeline.is_cut(self.app.job.parent):
            raise HaltServer("the service has gone")
        super().manage_workers()

    def spawn_worker(self) -> int:
        """Fork one; signals that it cannot heed yet are kept for it."""
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
        try:
            return super().spawn_worker()
        finally:
            if os.getpid() == self.pid:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)


def give_place(supervisor: arbiter.Arbiter, worker: Worker) -> None:
    """Give a new worker the place of one that has ended, or one where nobody has been."""
    others = supervisor.WORKERS.values()
    taken = {other.place for other in others if isinstance(other, Worker)}
    worker.place = min(set(range(supervisor.num_workers)) - taken)


def options(job: Job) -> dict[str, Any]:
    """What gunicorn is told."""
    return {
        "bind": [f"fd://{number}" for own in job.sockets for number in own],
        "workers": len(job.sockets),
        "worker_class": Worker,
        "pre_fork": give_place,
        "worker_tmp_dir": str(MEMORY) if os.access(MEMORY, os.W_OK) else None,
        "timeout": SILENCE,
        "graceful_timeout": job.patience,
        "logger_class": Log,
        "errorlog": None,
        "control_socket_disable": True,
    }


def main() -> None:
    """The program."""
    job = pickle.load(sys.stdin.buffer)  # noqa: S301 - our parent wrote it
    lifeline.hold(job.parent)
    sys.stdout = sys.stderr  # what anybody prints is not a report
    log_to_stderr()
    Supervisor(Application(job, options(job))).run()
