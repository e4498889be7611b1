"""Signing in over HTTP: how it fails, and where it is put down to."""

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

import pytest
from asyncpg import Connection, Record

from app.config import Settings
from app.door import Door
from app.errors import CannotStart
from app.services import Services, open_services
from tests.people import (
    PASSWORD,
    SIGN_IN,
    Client,
    code_of,
    http_client,
    person,
    record_work,
    sign_in,
)
from tests.support import Api, first_token


@pytest.fixture
async def http(services: Services, root: Api) -> AsyncIterator[Client]:
    """An HTTP client of a service with a person alice."""
    await person(root)
    async with http_client(services) as client:
        yield client


async def test_all_failures_look_the_same(http: Client, root: Api) -> None:
    """Wrong password, unknown name, no password: not a byte of the answer differs."""
    await person(root, "carol", None)
    answers = []
    for arguments in (["alice", "wrong"], ["nobody", PASSWORD], ["carol", PASSWORD]):
        response = await http.post(SIGN_IN, json=arguments, headers={"X-Request-Id": "r-1"})
        headers = sorted((k, v) for k, v in response.headers.items() if k != "Date")
        answers.append((response.status, headers, await response.read()))
    assert answers[0][0] == 401
    assert answers[1:] == answers[:1] * 2


PASSWORDS: Final = {
    "1 MB": (b'"%s"' % (b"x" * 1_000_000), 400, -32808),
    "more than a body may have": (b'"%s"' % (b"x" * 1_048_576), 413, 413),
    "a lone surrogate": (rb'"\ud800 correct horse"', 400, -32807),
    "NUL": (rb'"correct\u0000horse"', 400, -32808),
    "not UTF-8": (b'"\xff"', 400, -32807),
    "a number": (b"1" * 12, 400, -32808),
    "a list": (b'["correct horse battery"]', 400, -32808),
    "null": (b"null", 400, -32808),
}


@pytest.mark.parametrize(("password", "status", "code"), PASSWORDS.values(), ids=PASSWORDS)
async def test_a_password_that_is_none_costs_nothing(
    http: Client, monkeypatch: pytest.MonkeyPatch, password: bytes, status: int, code: int
) -> None:
    """It is refused before anything is hashed or looked up."""
    done = record_work(monkeypatch)
    body, json = b'["alice",%s]' % password, {"Content-Type": "application/json"}
    response = await http.post(SIGN_IN, data=io.BytesIO(body), headers=json)
    assert (response.status, await code_of(response)) == (status, code)
    assert done == []


# Where they come from


async def addresses(settings: Settings, sql: "Connection[Record]", **headers: str) -> list[str]:
    """The addresses that attempts with these headers are put down to."""
    async with open_services(settings, serving=True) as services:
        await person(Api(services, await first_token(services)))
        async with http_client(services) as http:
            await (await sign_in(http, **headers)).read()
    rows = await sql.fetch(
        "select details ->> 'address' from audit_events where action = 'session/sign-in'"
    )
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("trusted", "expected"),
    [(None, "127.0.0.1"), ("10.0.0.0/8", "127.0.0.1"), ("127.0.0.0/8,::1", "203.0.113.9")],
)
async def test_a_gateway_is_believed_if_it_is_trusted(
    settings: Settings, sql: "Connection[Record]", trusted: str | None, expected: str
) -> None:
    """Where an attempt comes from, only an operator's own gateways may say."""
    given = replace(settings, trusted_proxies=trusted)
    hops = "198.51.100.1, 203.0.113.9"
    assert await addresses(given, sql, X_Forwarded_For=hops) == [expected]


async def test_too_many_attempts_are_told_when_to_come_back(settings: Settings) -> None:
    """Over HTTP as 429 with Retry-After; another client of the same gateway is let in."""
    given = replace(settings, trusted_proxies="127.0.0.1", sign_in_address_attempts=1)
    async with open_services(given, serving=True) as services:
        await person(Api(services, await first_token(services)))
        async with http_client(services) as http:
            await sign_in(http, "wrong", X_Forwarded_For="203.0.113.9")
            refused = await sign_in(http, X_Forwarded_For="203.0.113.9")
            assert (refused.status, await code_of(refused)) == (429, -32802)
            assert 1 <= int(refused.headers["Retry-After"]) <= 10
            assert (await sign_in(http, X_Forwarded_For="203.0.113.10")).status == 200


async def test_a_list_of_gateways_is_checked_at_the_start(services: Services) -> None:
    """Nonsense is refused with the name of the flag, before anything listens."""
    given = replace(services.settings, trusted_proxies="10.0.0.0/8, nonsense")
    with pytest.raises(CannotStart, match=r"--trusted-proxies: 'nonsense'"):
        Door(replace(services, settings=given))
