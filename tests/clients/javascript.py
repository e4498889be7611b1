"""Lines of JavaScript that a test has: run in Node, with api.js."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

from tests.clients.npm import NOBODY, Outside, conversation

RUN: Final = Path(__file__).parent / "browser" / "run.mjs"
PATIENCE: Final = 60

Script: TypeAlias = Callable[..., Awaitable[Any]]


async def run(url: str, token: str, code: str, outside: Outside = NOBODY) -> Any:
    """What the lines return; they have `Api`, `url`, `token`, `ask` and `until`."""
    given = {"API_URL": url, "API_TOKEN": token, "CODE": code}
    async with asyncio.timeout(PATIENCE):
        return (await conversation(RUN, given, outside)).get("returned")
