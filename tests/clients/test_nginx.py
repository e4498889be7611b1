"""Debian's nginx asks /auth for each request (`auth_request`), configured as the reference says."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import orjson
import pytest
from aiohttp import ClientSession

from app import client
from tests.clients.nginx import running_nginx
from tests.support import Server, database_of, made_database, running_server

ORDERS: Final = "/orders/7?permission=admin"
GATEWAY: Final = "a-secret-that-nginx-knows"
NAME: Final = 'Ünï "CI"; 100%'


@pytest.fixture(scope="module")
async def service(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """A server that tells nobody but gateways who know its secret."""
    async with made_database(postgres, template) as name:
        options = [
            *("--data-dir", str(tmp_path_factory.mktemp("data"))),
            *("--database-url", database_of(postgres, name)),
        ]
        environment = {"API_TOKENS_GATEWAY_TOKEN": GATEWAY}
        async with running_server(*options, environment=environment) as started:
            yield started


@pytest.fixture(scope="module")
async def nginx(service: Server) -> AsyncIterator[ClientSession]:
    """A client of the nginx that asks this server."""
    async with running_nginx(service.url, GATEWAY) as found:
        yield found


async def call(service: Server, method: str, *arguments: Any) -> Any:
    """The answer to a call with the root user's token."""
    given = [orjson.dumps(argument).decode() for argument in arguments]
    return await asyncio.to_thread(client.call, service.url, method, given, service.root_token)


async def token(service: Server, *permissions: str) -> Any:
    """A new token."""
    options = {"permissions": dict.fromkeys(permissions, True)}
    return await call(service, "api-tokens/create", NAME, options)


def bearer(secret: str) -> dict[str, str]:
    """How it is shown."""
    return {"Authorization": f"Bearer {secret}"}


async def status(nginx: ClientSession, headers: dict[str, str]) -> tuple[int, str | None]:
    """The status that a caller sees, and the challenge that comes with it."""
    async with nginx.get(ORDERS, headers=headers) as response:
        return response.status, response.headers.get("WWW-Authenticate")


async def test_a_good_token_passes(nginx: ClientSession, service: Server) -> None:
    """And the upstream learns whose it is, whatever the caller says of that."""
    made = await token(service, "write", "read")
    forged = {
        "X-User-Id": "forged",
        "X-User-Name": "forged",
        "X-Token-Id": "forged",
        "X-Token-Name": "forged",
        "X-Permissions": "admin",
    }
    async with nginx.get(ORDERS, headers={**bearer(made["token"]), **forged}) as response:
        assert response.status == 200
        told = await response.json()
    assert {name: told[name] for name in forged} == {
        "X-User-Id": made["user_id"],
        "X-User-Name": "root",
        "X-Token-Id": made["id"],
        "X-Token-Name": '%C3%9Cn%C3%AF%20"CI";%20100%25',
        "X-Permissions": "read write",
    }


async def test_a_body_reaches_the_upstream_alone(nginx: ClientSession, service: Server) -> None:
    """Who is asked about the request neither gets it nor waits for it."""
    headers = bearer((await token(service, "read"))["token"])
    body = "x" * 500_000
    async with nginx.put(ORDERS, headers=headers, data=body) as response:
        assert (response.status, (await response.json())["body"]) == (200, body)


async def test_no_token_does_not_pass(nginx: ClientSession) -> None:
    """The caller is told what to show."""
    assert await status(nginx, {}) == (401, "Bearer")


async def test_a_bad_token_does_not_pass(nginx: ClientSession) -> None:
    """The caller is told that it is."""
    assert await status(nginx, bearer("dead")) == (401, 'Bearer error="invalid_token"')


async def test_a_missing_permission_does_not_pass(nginx: ClientSession, service: Server) -> None:
    """A good token is not enough."""
    made = await token(service, "write")
    assert (await status(nginx, bearer(made["token"])))[0] == 403


async def test_two_credentials_do_not_pass(nginx: ClientSession, service: Server) -> None:
    """Yes and no are all that nginx knows: it takes anything else for a fault."""
    made = await token(service, "read")
    headers = {**bearer(made["token"]), "X-API-Key": service.root_token}
    assert (await status(nginx, headers))[0] == 500


async def test_a_revoked_token_passes_no_more(nginx: ClientSession, service: Server) -> None:
    """From the moment at which its end is answered, while others are asked about all the time."""
    other, made = await token(service, "read"), await token(service, "read")

    async def keep_on() -> set[int]:
        seen = set()
        while not ended.is_set():
            seen.add((await status(nginx, bearer(other["token"])))[0])
        return seen

    ended = asyncio.Event()
    others = asyncio.create_task(keep_on())
    for _ in range(20):
        assert (await status(nginx, bearer(made["token"])))[0] == 200
    await call(service, "api-tokens/delete", made["id"])
    after = [(await status(nginx, bearer(made["token"])))[0] for _ in range(20)]
    ended.set()
    assert (after, await others) == ([401] * 20, {200})


async def test_a_gateway_without_the_secret_lets_nothing_pass(service: Server) -> None:
    """Not even what is good; what a caller shows in the gateway's place does not count."""
    headers = {**bearer((await token(service, "read"))["token"]), "X-Gateway-Token": GATEWAY}
    async with running_nginx(service.url, "another") as nginx:
        assert (await status(nginx, headers))[0] == 403
