"""PyPI's `authlib`, unmodified: an OAuth 2.0 client that introspects and revokes tokens."""

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc6750 import InsufficientScopeError, InvalidTokenError
from authlib.oauth2.rfc7662 import IntrospectTokenValidator

from app import client
from tests.support import Server


@pytest.fixture
def session(server: Server) -> Iterator[Any]:
    """A client whose id is a token; it sends both as Basic authentication, which is its default."""
    with OAuth2Session(server.root_token, "no secret") as opened:
        yield opened


async def made(server: Server, **options: Any) -> str:
    """The secret of a new token."""
    given = [orjson.dumps(value).decode() for value in ("authlib", options)]
    row = await asyncio.to_thread(
        client.call, server.url, "api-tokens/create", given, server.root_token
    )
    return str(row["token"])


async def introspected(session: Any, server: Server, token: str) -> Any:
    """What the client learns of a token."""
    url = f"{server.url}/oauth2/introspect"
    response = await asyncio.to_thread(session.introspect_token, url, token, "access_token")
    response.raise_for_status()
    return response.json()


async def test_introspects_a_good_token(session: Any, server: Server) -> None:
    """The claims are all there."""
    claims = await introspected(session, server, await made(server, role="read-write"))
    assert (claims["active"], claims["scope"]) == (True, "read write")
    assert (claims["username"], claims["token_type"]) == ("root", "Bearer")


async def test_introspects_a_bad_token(session: Any, server: Server) -> None:
    """Nothing is told but that it is."""
    assert await introspected(session, server, "dead") == {"active": False}


async def test_revokes_a_token(session: Any, server: Server) -> None:
    """It is not active when the client has its answer."""
    token = await made(server)
    url = f"{server.url}/oauth2/revoke"
    response = await asyncio.to_thread(session.revoke_token, url, token, "access_token")
    assert (response.status_code, response.content) == (200, b"")
    assert await introspected(session, server, token) == {"active": False}


async def test_a_bad_client_is_refused(server: Server) -> None:
    """The client is asked for Basic authentication, as it has tried it."""
    url = f"{server.url}/oauth2/introspect"
    with OAuth2Session("nobody", "no secret") as session:
        response = await asyncio.to_thread(session.introspect_token, url, "dead")
    assert (response.status_code, response.json()) == (401, {"error": "invalid_client"})
    assert response.headers["WWW-Authenticate"].startswith("Basic ")


class Validator(IntrospectTokenValidator):
    """What protects a resource with authlib; how to ask is left to who uses it."""

    def __init__(self, session: Any, url: str) -> None:
        super().__init__()
        self._session, self._url = session, url

    def introspect_token(self, token_string: str) -> Any:
        """Ask the service."""
        return self._session.introspect_token(self._url, token_string).json()


async def validate(session: Any, server: Server, token: str, scopes: list[str]) -> None:
    """Let authlib judge a token as it does for each request to a resource."""
    validator: Any = Validator(session, f"{server.url}/oauth2/introspect")

    def judge() -> None:
        validator.validate_token(validator.authenticate_token(token), scopes, None)

    await asyncio.to_thread(judge)


async def test_a_resource_is_opened(session: Any, server: Server) -> None:
    """By a token with the permission that it takes, which expires later."""
    await validate(session, server, await made(server, role="read-only", expires="1h"), ["read"])


async def test_a_resource_stays_closed(session: Any, server: Server) -> None:
    """To a token without the permission, and to one that is none."""
    token = await made(server, role="read-only")
    with pytest.raises(InsufficientScopeError):
        await validate(session, server, token, ["write"])
    with pytest.raises(InvalidTokenError):
        await validate(session, server, "dead", ["read"])
