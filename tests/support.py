"""What fixtures hand to tests: an API to call, a server process, databases of their own."""

import asyncio
import os
import pwd
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Final
from uuid import uuid4

import asyncpg
import orjson
from yarl import URL

from app.call import Failure, Request, Success
from app.key_file import new_key
from app.services import Services
from app.validation import is_valid
from app.wire import envelope

ROOT: Final = Path(__file__).resolve().parent.parent
KEY: Final = new_key()
MISSING_ID: Final = "01900000-0000-7000-8000-00000000dead"


@dataclass(frozen=True)
class Api:
    """Calls methods through the dispatcher with one token; checks answers against their schema."""

    services: Services
    token: str | None

    async def __call__(self, method: str, *arguments: Any) -> Any:
        """The data of a call that goes well."""
        return (await self.success(method, *arguments)).data

    async def success(self, method: str, *arguments: Any) -> Success:
        """The answer of a call that goes well, as JSON values."""
        result = await self.result(method, *arguments)
        assert isinstance(result, Success), result
        data = orjson.loads(envelope.encode(result.data))
        registry = self.services.dispatcher.registry
        schema = registry.methods[f"/v1/{method}"].schema["result"]["schema"]
        assert is_valid(schema, registry.components, data), data
        return Success(data, result.meta)

    async def refusal(self, method: str, *arguments: Any) -> Failure:
        """The answer of a call that is refused."""
        result = await self.result(method, *arguments)
        assert isinstance(result, Failure), result
        return result

    async def result(self, method: str, *arguments: Any) -> Success | Failure:
        """The answer of a call."""
        credentials = () if self.token is None else (self.token,)
        request = Request(f"/v1/{method}", list(arguments), credentials, id="test")
        return await self.services.dispatcher.dispatch(request)

    def bearing(self, token: str | None) -> "Api":
        """The same with another token, or with none."""
        return replace(self, token=token)

    async def token_id(self) -> str:
        """The id of the token that calls."""
        [row] = await self("api-tokens/read", {"where": {"token": self.token}})
        return str(row["id"])


async def first_token(services: Services) -> str:
    """The root token that a first start shows."""
    first = await services.first_start()
    assert first
    return first.token


async def make_member(
    root: Api, name: str, permissions: list[str] | None, token: dict[str, bool] | None
) -> Api:
    """A new user's API, by a token with all the user holds unless told what (see `member`)."""
    await root("users/create", name, {} if permissions is None else {"permissions": permissions})
    caller = await root.services.operator(name)
    wanted = dict(caller.permissions) if token is None else token
    request = Request("/v1/api-tokens/create", [f"{name}'s", {"permissions": wanted}])
    result = await root.services.dispatcher.dispatch(request, caller)
    assert isinstance(result, Success), result
    return root.bearing(result.data["token"])


@dataclass(frozen=True)
class Server:
    """A running `api-tokens serve`: what it printed, and its process."""

    url: str
    process: asyncio.subprocess.Process
    log: IO[str]

    @property
    def root_token(self) -> str:
        """The token that a first start shows."""
        return str(re.findall(r"^ +token +(apt_\w+)$", self.said(), re.MULTILINE)[0])

    @property
    def root_password(self) -> str:
        """The password that a first start shows."""
        return str(re.findall(r"^ +password +(\w+)$", self.said(), re.MULTILINE)[0])

    def said(self) -> str:
        """All it has written to stderr so far."""
        # Without moving the place at which it is written.
        return os.pread(self.log.fileno(), 1 << 20, 0).decode()


@asynccontextmanager
async def running_server(
    *options: str, environment: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Server]:
    """`api-tokens serve` with these flags until the block ends; then it must end well.

    The block may kill it.
    """
    with tempfile.TemporaryFile("w+") as log:
        process = await program(
            "serve", "--port", "0", *options, errors=log, environment=environment
        )
        assert process.stdout
        try:
            ready = (await process.stdout.readline()).decode()
            started = Server(ready.split()[-1], process, log)
            assert ready.startswith("api-tokens ready on http://"), started.said()
            yield started
            if process.returncode is None:
                process.terminate()
            assert await process.wait() in {0, -signal.SIGKILL}, started.said()
            assert await process.stdout.read() == b"", "the ready line is the only one"
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def program(
    *arguments: str,
    errors: IO[str] | int = asyncio.subprocess.PIPE,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> asyncio.subprocess.Process:
    """The command line as a process of its own."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app",
        *arguments,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=errors,
    )


async def output(
    *arguments: str, environment: Mapping[str, str] = MappingProxyType({})
) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a command that ends by itself."""
    process = await program(*arguments, environment=environment)
    out, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), errors.decode()


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody for a while, if we are root, who may do everything."""
    ours = os.geteuid()
    if ours == 0:
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(ours)


async def until(holds: Callable[[], Awaitable[bool]], patience: float = 20.0) -> None:
    """Wait until a condition holds; fail after `patience` seconds."""
    async with asyncio.timeout(patience):
        while not await holds():  # noqa: ASYNC110 - what it waits for is another process
            await asyncio.sleep(0.01)


@asynccontextmanager
async def made_database(server: str, template: str = "template1") -> AsyncIterator[str]:
    """The name of a new database, dropped at the end."""
    name = f"test_{uuid4().hex}"
    connection = await asyncpg.connect(server)
    try:
        # To copy files takes half as long as to log what is in them, all that PostgreSQL 14 knows.
        how = "strategy file_copy" if connection.get_server_version().major > 14 else ""
        await connection.execute(f"create database {name} template {template} {how}")
        yield name
        await until(lambda: _dropped(connection, name))
    finally:
        await connection.close()


async def _dropped(connection: "asyncpg.Connection[asyncpg.Record]", name: str) -> bool:
    """Whether the database is gone; autovacuum, which is not ours to end, leaves by itself."""
    try:
        await connection.execute(f"drop database {name} with (force)")
    except asyncpg.InsufficientPrivilegeError:
        return False
    return True


def database_of(server: str, name: str) -> str:
    """The URL of another database on the same server."""
    return str(URL(server).with_path(f"/{name}", keep_query=True))
