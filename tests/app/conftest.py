"""The command line on a database of the test's own, as a person uses it; a token of a server's."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app import client
from tests.support import KEY, Server, output


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    """The flags every command on data needs, as their environment twins."""
    return {
        "API_TOKENS_DATABASE_URL": database_url,
        "API_TOKENS_DATA_DIR": str(tmp_path),
        "API_TOKENS_KEY": KEY,
    }


@pytest.fixture
def run(environment: dict[str, str]) -> Any:
    """Runs a command that goes well and answers what it printed."""

    async def run(*arguments: str) -> str:
        code, out, errors = await output(*arguments, environment=environment)
        assert code == 0, errors
        return out

    return run


@pytest.fixture
def refused(environment: dict[str, str]) -> Any:
    """Runs a command that is refused and answers the line that says why."""

    async def refused(*arguments: str) -> str:
        code, out, errors = await output(*arguments, environment=environment)
        assert (code, out) == (1, "")
        [line] = errors.splitlines()
        return line.removeprefix("api-tokens: ")

    return refused


@pytest.fixture
async def weak(server: Server) -> str:
    """The secret of a token of the server's that has no permissions."""
    given = (server.url, "api-tokens/create", ['"weak"'], server.root_token)
    return str((await asyncio.to_thread(client.call, *given))["token"])
