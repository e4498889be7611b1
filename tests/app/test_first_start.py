"""What the first start of `api-tokens serve` shows, this once."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from tests.support import Server, running_server


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A plain HTTP client."""
    async with aiohttp.ClientSession() as session:
        yield session


async def test_the_first_start_tells_how_to_go_on(tmp_path: Path) -> None:
    """A first start prints a root token and a curl line that works as pasted."""
    if shutil.which("curl") is None and not os.environ.get("CI"):
        pytest.skip("curl is not installed")
    async with running_server("--data-dir", str(tmp_path / "data")) as server:
        [command] = re.findall(r"^ +(curl (?:.*\\\n)*.*)$", server.said(), re.MULTILINE)
        curl = await asyncio.create_subprocess_shell(
            command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        answer, _ = await curl.communicate()
        assert b'"name":"my-first-token"' in answer
        assert re.search(rb'"token":"apt_\w{36}"', answer)


async def signs_in(http: aiohttp.ClientSession, server: Server, password: str) -> bool:
    """Whether root can sign in with this password."""
    url = f"{server.url}/v1/session/sign-in"
    async with http.post(url, json=["root", password]) as response:
        return response.status == 200


def passwords(*servers: Server) -> list[str]:
    """The passwords that first starts have shown."""
    shown = re.compile(r"^ +password +(\w+)$", re.MULTILINE)
    return [found for server in servers for found in shown.findall(server.said())]


async def test_the_first_start_shows_a_password_once(
    database_url: str, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """It signs root in, then and later; a second start shows none."""
    options = ["--data-dir", str(tmp_path), "--database-url", database_url]
    async with running_server(*options) as server:
        [password] = passwords(server)
        assert len(password) == 24
        assert await signs_in(http, server, password)
        assert not await signs_in(http, server, password.swapcase())
    async with running_server(*options) as server:
        assert "password" not in server.said()
        assert await signs_in(http, server, password)


async def test_of_two_first_starts_one_shows_a_password(
    database_url: str, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """There is one root, and what is shown is root's for both."""
    options = ["--data-dir", str(tmp_path), "--database-url", database_url]
    async with AsyncExitStack() as stack:
        both = [stack.enter_async_context(running_server(*options)) for _ in range(2)]
        servers = await asyncio.gather(*both)
        [password] = passwords(*servers)
        for server in servers:
            assert await signs_in(http, server, password)
