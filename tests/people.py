"""Steps of tests in which people sign in."""

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, TypeAlias

import argon2
import orjson
import pytest
from aiohttp import ClientResponse, DummyCookieJar
from aiohttp.test_utils import RawTestServer, TestClient

from app.call import Request, Result
from app.door import Door
from app.passwords import Passwords
from app.services import Services
from app.statements import Statements
from tests.support import Api, until

PASSWORD: Final = "correct horse battery"
SIGN_IN: Final = "/v1/session/sign-in"

Client: TypeAlias = TestClient[Any, Any]


async def person(root: Api, name: str = "alice", password: str | None = PASSWORD) -> str:
    """The id of a new user with this password."""
    made = await root("users/create", name)
    await root("users/set-password", made["id"], password)
    return str(made["id"])


async def attempt(
    api: Api, name: str, password: str, address: str = "", credentials: tuple[str, ...] = ()
) -> Result:
    """What signing in from an address is answered."""
    request = Request(SIGN_IN, [name, password], credentials, address=address)
    return await api.services.dispatcher.dispatch(request)


@asynccontextmanager
async def http_client(services: Services) -> AsyncIterator[Client]:
    """An HTTP client of the service, which keeps no cookies by itself."""
    server = RawTestServer(Door(services).handle)
    client: Client = TestClient(server, cookie_jar=DummyCookieJar())
    async with client:
        yield client


async def sign_in(http: Client, password: str = PASSWORD, **headers: str) -> ClientResponse:
    """What alice is answered over HTTP."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await http.post(SIGN_IN, json=["alice", password], headers=given)


async def secret_of(response: ClientResponse) -> str:
    """The session's secret in an answer."""
    return str((await response.json())["result"]["data"]["token"])


async def code_of(response: ClientResponse) -> int:
    """The code of a refusal."""
    return int(orjson.loads(await response.read())["error"]["code"])


def record_work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """From now on each hash, each check of one, and each statement is named in this list."""
    done: list[str] = []
    for owner, name in (
        (argon2.PasswordHasher, "hash"),
        (argon2.PasswordHasher, "verify"),
        (Statements, "row"),
    ):
        monkeypatch.setattr(owner, name, _recorded(getattr(owner, name), name, done))
    return done


def _recorded(real: Callable[..., Any], name: str, done: list[str]) -> Callable[..., Any]:
    def recorded(itself: Any, first: Any, *rest: Any) -> Any:
        done.append(first if name == "row" else name)
        return real(itself, first, *rest)

    return recorded


def after_the_check(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Awaitable[Any]]) -> None:
    """Let something happen once, between the check of the next password and what follows it."""
    real = Passwords.is_right

    async def is_right(self: Passwords, password: str, stored: str | None) -> bool:
        answer = await real(self, password, stored)
        monkeypatch.setattr(Passwords, "is_right", real)
        await happens()
        return answer

    monkeypatch.setattr(Passwords, "is_right", is_right)


class Gate:
    """Holds every hash that is being made until it is opened; the threads that make them wait."""

    def __init__(self) -> None:
        self._opened = threading.Event()
        self._lock = threading.Lock()
        self.inside = 0
        self.most_inside = 0

    def pass_through(self) -> None:
        """Wait, in a thread, until the gate is opened."""
        with self._lock:
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
        if not self._opened.wait(20):
            self.open()  # the test has failed; it need not take for ever
        with self._lock:
            self.inside -= 1

    def open(self) -> None:
        """Let all go on."""
        self._opened.set()

    async def until_inside(self, number: int) -> None:
        """Wait until so many hashes are being made."""

        async def enough() -> bool:
            return self.inside == number

        await until(enough)


@contextmanager
def held_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Hold every hash from now on; the end of the block lets them go."""
    gate, real = Gate(), argon2.PasswordHasher.hash

    def hold(self: argon2.PasswordHasher, password: str) -> str:
        gate.pass_through()
        return real(self, password)

    monkeypatch.setattr(argon2.PasswordHasher, "hash", hold)
    try:
        yield gate
    finally:
        gate.open()
