"""What the OpenAPI document says of introspection, revocation and forward-auth is so."""

import re
from collections.abc import AsyncIterator
from typing import Any, Final

import orjson
import pytest
from aiohttp import ClientResponse, ClientSession, encode_basic_auth

from app.docs.openapi.security import SCHEMES
from app.validation import is_valid
from app.wire import forward_auth, oauth, oauth_errors
from tests.app.openapi import DOCUMENT, PATHS, SCHEMAS, answer, answer_schema
from tests.support import Server

INTROSPECT: Final = "/oauth2/introspect"
REVOKE: Final = "/oauth2/revoke"
AUTH: Final = "/auth"
FORM: Final = "application/x-www-form-urlencoded"

forms = pytest.mark.parametrize("path", [INTROSPECT, REVOKE])


@pytest.fixture
async def http(server: Server) -> AsyncIterator[ClientSession]:
    """An HTTP client of the server, without credentials."""
    async with ClientSession(server.url) as client:
        yield client


def check_headers(path: str, response: ClientResponse) -> None:
    """Headers that are promised are there, and as they are told."""
    for name, header in answer(path, "post", response.status)["headers"].items():
        _, _, shared = header.get("$ref", "").rpartition("/")
        schema = DOCUMENT["components"]["headers"][shared]["schema"] if shared else header["schema"]
        given: Any = response.headers[name]
        value = int(given) if schema.get("type") == "integer" else given
        assert is_valid(schema, SCHEMAS, value), (name, given)


def test_the_paths_are_the_service_s() -> None:
    """The document names those that are there."""
    assert PATHS.keys() >= {*oauth.ENDPOINTS, forward_auth.PATH}
    assert {INTROSPECT, REVOKE} == oauth.ENDPOINTS.keys()


@forms
def test_errors_have_the_service_s_names(path: str) -> None:
    """Each status of a refusal comes with the one name that it has."""
    for status in PATHS[path]["post"]["responses"].keys() - {"200", "400"}:
        schema = answer_schema(path, "post", int(status))
        assert schema["properties"]["error"] == {"const": oauth_errors.error(int(status))}


def test_cookies_are_no_credentials() -> None:
    """Each other way to show some is."""
    wanted: list[dict[str, list[str]]] = [{name: []} for name in SCHEMES if name != "session"]
    for path in (INTROSPECT, AUTH):
        assert PATHS[path]["post"]["security"] == wanted
    assert PATHS[REVOKE]["post"]["security"] == []


@forms
def test_the_example_is_a_form(path: str) -> None:
    """It is as the schema says."""
    content = PATHS[path]["post"]["requestBody"]["content"][FORM]
    assert is_valid(content["schema"], SCHEMAS, content["example"])


def test_the_examples_are_answers() -> None:
    """One about a good token, and one about any other."""
    content = answer(INTROSPECT, "post", 200)["content"]["application/json"]
    shown = [example["value"] for example in content["examples"].values()]
    assert [value["active"] for value in shown] == [True, False]
    assert all(is_valid(content["schema"], SCHEMAS, value) for value in shown)


@pytest.mark.parametrize(
    ("status", "path", "body", "headers"),
    [
        (200, INTROSPECT, "token={root}", {}),
        (200, INTROSPECT, "token={weak}", {}),
        (200, INTROSPECT, "token=dead", {}),
        (400, INTROSPECT, "token=", {}),
        (400, INTROSPECT, "token=dead", {"X-API-Key": "another"}),
        (401, INTROSPECT, "token=dead", {"Authorization": "Bearer dead"}),
        (401, INTROSPECT, "token=dead", {"Authorization": encode_basic_auth("dead", "x")}),
        (401, INTROSPECT, "token=dead", {"Authorization": ""}),
        (403, INTROSPECT, "token={root}", {"Authorization": "Bearer {weak}"}),
        (413, INTROSPECT, "token=" + "x" * 100_000, {}),
        (415, INTROSPECT, "token=dead", {"Content-Type": "text/plain"}),
        (400, REVOKE, "", {}),
        (413, REVOKE, "token=" + "x" * 100_000, {}),
        (415, REVOKE, "token=dead", {"Content-Encoding": "gzip"}),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_answers_to_forms_are_as_told(
    http: ClientSession,
    server: Server,
    weak: str,
    *,
    status: int,
    path: str,
    body: str,
    headers: dict[str, str],
) -> None:
    """Status, document and headers."""
    known = {"root": server.root_token, "weak": weak}
    shown = {"Authorization": "Bearer {root}", "Content-Type": FORM} | headers
    sent = {name: value.format(**known) for name, value in shown.items() if value}
    async with http.post(path, data=body.format(**known).encode(), headers=sent) as response:
        assert response.status == status
        document = orjson.loads(await response.read())
        assert is_valid(answer_schema(path, "post", status), SCHEMAS, document)
        check_headers(path, response)


async def test_a_revocation_is_answered_as_told(http: ClientSession, weak: str) -> None:
    """With nothing."""
    async with http.post(REVOKE, data={"token": weak}) as response:
        assert (response.status, await response.read()) == (200, b"")
        assert "content" not in answer(REVOKE, "post", 200)
        check_headers(REVOKE, response)


@pytest.mark.parametrize(
    ("status", "query", "headers"),
    [
        (200, "?status=200&permission=read", {"Authorization": "Bearer {root}"}),
        (204, "?permission=read&permission=write", {"Authorization": "Bearer {root}"}),
        (204, "", {"X-API-Key": "{weak}"}),
        (400, "?permission=none", {"Authorization": "Bearer {root}"}),
        (400, "", {"Authorization": "Bearer {root}", "X-API-Key": "{weak}"}),
        (401, "", {"Authorization": "Bearer dead"}),
        (401, "", {}),
        (403, "?permission=read", {"Authorization": "Bearer {weak}"}),
    ],
    ids=str,
)
async def test_answers_to_gateways_are_as_told(
    http: ClientSession,
    server: Server,
    weak: str,
    *,
    status: int,
    query: str,
    headers: dict[str, str],
) -> None:
    """Status and headers; there is no document."""
    known = {"root": server.root_token, "weak": weak}
    sent = {name: value.format(**known) for name, value in headers.items()}
    async with http.post(AUTH + query, headers=sent) as response:
        assert (response.status, await response.read()) == (status, b"")
        assert "content" not in answer(AUTH, "post", status)
        check_headers(AUTH, response)


async def test_gateways_are_told_of_every_header(http: ClientSession, server: Server) -> None:
    """Those that say whose request it is are all in the document."""
    async with http.get(AUTH, headers={"X-API-Key": server.root_token}) as response:
        given = {name for name in response.headers if re.match("X-(User|Token|Perm)", name)}
    assert given == {n for n in answer(AUTH, "get", 204)["headers"] if n != "X-Request-Id"}


def test_the_gateway_s_own_header_is_told() -> None:
    """By the name that the service looks for."""
    assert forward_auth.SECRET in [p.get("name") for p in PATHS[AUTH]["get"]["parameters"]]
