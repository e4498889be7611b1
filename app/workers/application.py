"""What gunicorn holds for an application: its own settings, and for our workers their job."""

from collections.abc import Mapping
from typing import Any

from gunicorn.app.base import BaseApplication

from app.workers.job import Job


class Application(BaseApplication):
    """Settings from us alone: gunicorn's `Application` would read files and its environment."""

    def __init__(self, job: Job, options: Mapping[str, Any]) -> None:
        self.job = job
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Take what we were given."""
        for name, value in self._options.items():
            self.cfg.set(name, value)
