"""Tokens in every condition, for tests of what wires say about them."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from yarl import URL

from app.call import Request, Success
from app.services import Services
from app.token_format import make
from tests.people import PASSWORD, attempt, person
from tests.support import Api, first_token, make_member

UNKNOWN: Final = make("apt")
# A name that no header can hold as it is.
NAME: Final = 'CI "é" 100%'


@dataclass(frozen=True)
class Tokens:
    """A service, and the secrets of tokens by their condition; `shown` is the good one's row."""

    root: Api
    secrets: dict[str, str]
    shown: dict[str, Any]

    @property
    def good(self) -> str:
        """The secret of a token that may read."""
        return self.secrets["good"]

    def __getitem__(self, condition: str) -> str:
        """The secret of a token in this condition."""
        return self.secrets[condition]


async def make_tokens(services: Services) -> Tokens:
    """Tokens that are good, each in its way, and tokens that are not."""
    root = Api(services, await first_token(services))
    assert root.token
    good = await root("api-tokens/create", NAME, {"role": "read-only", "expires": "1h"})
    bare = await root("api-tokens/create", "bare")
    disabled = await root("api-tokens/create", "off", {"permissions": {"verify": True}})
    await root("api-tokens/set-enabled", disabled["id"], False)
    expired = await root("api-tokens/create", "old", {"permissions": {"verify": True}})
    alice = await make_member(root, "alice", ["verify"], None)
    alice_id = (await alice("session/read"))["user"]["id"]
    await root("users/set-enabled", alice_id, False)
    await person(root, "bob")
    session = await attempt(root, "bob", PASSWORD)
    assert isinstance(session, Success)
    sql = await asyncpg.connect(services.settings.database_url)
    await sql.execute(
        "update api_tokens set expires = now() - interval '1 hour' where id = $1", expired["id"]
    )
    await sql.close()
    return Tokens(
        root,
        {
            "root": root.token,
            "good": good["token"],
            "bare": bare["token"],
            "disabled": disabled["token"],
            "expired": expired["token"],
            "of a disabled user": str(alice.token),
            "a session": session.data["token"],
            "unknown": UNKNOWN,
            "malformed": UNKNOWN[:-1] + "!",
            "long": "x" * 10_000,
            "no ASCII": "apt_ä" + "0" * 40,
        },
        good,
    )


def basic(user: str, password: str = "") -> str:
    """Basic authentication as OAuth's clients send it."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def switch_api(services: Services, enabled: bool) -> None:
    """Switch the API, which no token may switch on again."""
    request = Request("/v1/settings/set-api-enabled", [enabled])
    result = await services.dispatcher.dispatch(request, await services.operator("root"))
    assert isinstance(result, Success)


@asynccontextmanager
async def cut_off(server: str, services: Services) -> AsyncIterator[None]:
    """Let nobody reach the services' database for a while; `server` is the URL of another there."""
    name = URL(services.settings.database_url or "").path.removeprefix("/")
    sql = await asyncpg.connect(server)
    try:
        await sql.execute(f"alter database {name} allow_connections false")
        await sql.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1", name
        )
        yield
        await sql.execute(f"alter database {name} allow_connections true")
    finally:
        await sql.close()
