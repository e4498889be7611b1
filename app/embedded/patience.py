"""How the embedded database waits: looking again, telling when it takes long, to the end."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

Seen = TypeVar("Seen")

log = logging.getLogger("api_tokens")

PAUSE: Final = 0.05  # seconds between two looks
LONG: Final = 5.0  # seconds after which a person would like to know


@contextmanager
def noting(text: str) -> Iterator[None]:
    """Log one line if the context takes longer than five seconds."""
    handle = asyncio.get_running_loop().call_later(LONG, log.warning, text)
    try:
        yield
    finally:
        handle.cancel()


async def until(look: Callable[[], Seen | None], pause: float = PAUSE) -> Seen:
    """Look again and again, `pause` seconds apart, until there is something; return it."""
    while (seen := look()) is None:  # noqa: ASYNC110 - other processes set no event of ours
        await asyncio.sleep(pause)
    return seen


async def to_the_end(work: Coroutine[None, None, None]) -> None:
    """Await `work` even if we are cancelled meanwhile; the cancellation is raised after it."""
    task = asyncio.ensure_future(work)
    cancelled = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled:
        raise cancelled
    task.result()
