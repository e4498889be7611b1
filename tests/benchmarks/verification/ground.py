"""What rows are measured on: an embedded PostgreSQL, stocks of tokens in it, services on them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import orjson
from aiohttp import ClientSession

from app import embedded
from tests.benchmarks import wrk
from tests.benchmarks.verification import stock
from tests.benchmarks.verification.stock import Stock
from tests.benchmarks.wrk import Bodies
from tests.support import Server, database_of, running_server

VERIFY: Final = "/v1/api-tokens/verify"
# Tokens that are verified over and over where the cache is to know them all.
WARM: Final = 1000
# As the service's own, but for checkpoints, which would come all the time while rows are loaded.
SETTINGS: Final = {"max_wal_size": "16GB", "checkpoint_timeout": "1h"}


@dataclass(frozen=True, slots=True)
class Database:
    """A database with a stock in it, and the token of a back end that may verify."""

    url: str
    keys: Path
    stock: Stock
    root: str
    caller: str

    @asynccontextmanager
    async def served(self, *options: str) -> AsyncIterator[Server]:
        """A service on it until the block ends."""
        where = ("--database-url", self.url, "--key-file", str(self.keys))
        async with running_server(*where, *options) as server:
            yield server

    def session(self, server: Server) -> ClientSession:
        """Calls the service as the back end that verifies."""
        return ClientSession(server.url, headers=_bearer(self.caller))

    def administration(self, server: Server) -> ClientSession:
        """Calls the service as somebody who may do everything."""
        return ClientSession(server.url, headers=_bearer(self.root))

    async def warmed(self, server: Server) -> float:
        """Let the cache know the warm tokens; answer how many bytes an answer has, with headers."""
        [secret] = self.stock.secrets(0, 1)
        async with self.session(server) as session:
            verdict = (await call(session, "api-tokens/verify", secret))["data"]
        assert verdict["valid"], verdict
        found = await wrk.load(server.url + VERIFY, self.caller, self.warm, 1)
        return found.size

    @property
    def warm(self) -> Bodies:
        """Calls that verify the same tokens over and over."""
        return Bodies(self.stock.bodies, 0, WARM)

    def cold(self, part: int, parts: int) -> Bodies:
        """Calls that verify other tokens in each part, never one twice, and none of the warm."""
        count = (self.stock.known - WARM) // parts
        return Bodies(self.stock.bodies, WARM + part * count, count)


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured: slots of each side, their seconds, tokens stored, minutes of load."""

    rounds: int
    seconds: float
    tokens: int
    minutes: float


@dataclass(frozen=True, slots=True)
class Ground:
    """The PostgreSQL server, the folder in which all is kept, and how much is measured."""

    server: str
    folder: Path
    extent: Extent

    async def database(self, stored: int | None = None, known: int | None = None) -> Database:
        """The database with so many tokens, so many of them known; made if it is not there."""
        stored = stored or self.extent.tokens
        known = known or stored
        name = f"stock_{stored}_{known}"
        folder, url = self.folder / name, database_of(self.server, name)
        held, keys = Stock(stored, known, folder / "bodies"), folder / "keys"
        callers = folder / "callers"
        if not callers.exists():
            folder.mkdir(exist_ok=True)
            await _create(self.server, name)
            root, caller = await _first_start(url, keys)
            await stock.fill(url, keys, held)
            callers.write_text(f"{root} {caller}")
        return Database(url, keys, held, *callers.read_text().split())


@asynccontextmanager
async def opened(folder: Path, extent: Extent) -> AsyncIterator[Ground]:
    """The ground, with what an earlier run has left in the folder."""
    async with embedded.serve(folder / "data", settings=SETTINGS) as server:
        yield Ground(server, folder, extent)


async def call(session: ClientSession, method: str, *arguments: Any) -> Any:
    """The `result` of a call that goes well."""
    async with session.post(f"/v1/{method}", json=arguments) as answer:
        body = orjson.loads(await answer.read())
    assert "result" in body, body
    return body["result"]


async def _create(server: str, name: str) -> None:
    sql = await asyncpg.connect(server)
    try:
        await sql.execute(f"drop database if exists {name}")
        await sql.execute(f"create database {name}")
    finally:
        await sql.close()


async def _first_start(url: str, keys: Path) -> tuple[str, str]:
    """Make the schema and the key; answer root's token, and one that may verify and no more."""
    async with running_server("--database-url", url, "--key-file", str(keys)) as server:
        root = server.root_token
        async with ClientSession(server.url, headers=_bearer(root)) as session:
            options = {"permissions": {"verify": True}}
            made = await call(session, "api-tokens/create", "back end", options)
    return root, made["data"]["token"]


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
