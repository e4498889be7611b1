"""Pages of other origins: which may call from a browser, and what the browser is told."""

import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from aiohttp import ClientResponse
from multidict import CIMultiDict, CIMultiDictProxy

from app.errors import CannotStart
from app.services import Services
from app.wire.cors import allowance, origins, preflight
from tests.conftest import ServicesMaker
from tests.people import Client, http_client
from tests.support import first_token, output

PAGE: Final = "https://pages.example"
OTHER: Final = "https://evil.example"
READ: Final = "/v1/api-tokens/read"


def headers(**given: str) -> CIMultiDictProxy[str]:
    """The headers of a request."""
    return CIMultiDictProxy(
        CIMultiDict({name.replace("_", "-"): value for name, value in given.items()})
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], set()),
        ([PAGE], {PAGE}),
        (["http://localhost:3000", PAGE], {"http://localhost:3000", PAGE}),
        (["HTTPS://Pages.Example"], {PAGE}),
        (["https://pages.example:443", "http://pages.example:80"], {PAGE, "http://pages.example"}),
        (["https://pages.example:80"], {"https://pages.example:80"}),
        (["http://[::1]:8080"], {"http://[::1]:8080"}),
        (["http://192.0.2.1"], {"http://192.0.2.1"}),
        (["*"], {"*"}),
    ],
)
def test_reads_origins(given: Sequence[str], expected: set[str]) -> None:
    """As browsers spell them: in lower case, without the port that the scheme has anyway."""
    assert origins(given) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "pages.example",
        "//pages.example",
        "https://",
        "https://pages.example/",
        "https://pages.example/app",
        "https://pages.example?x",
        "https://pages.example#x",
        "https://user@pages.example",
        "https://pages.example:port",
        "https://pages.example:0",
        "https://pages.example:99999",
        "https://pages.example:",
        "https://*.example",
        "https://pages.example,https://other.example",
        "https://a b.example",
        "https://bücher.example",
        "https://pages.example\n",
        "ftp://pages.example",
        "file://",
        "https://[::1",
        "**",
    ],
)
def test_refuses_what_is_no_origin(text: str) -> None:
    """What no browser would ever send would only seem to let somebody in."""
    with pytest.raises(CannotStart, match="--cors-origin") as caught:
        origins([PAGE, text])
    assert "\n" not in str(caught.value)


ALLOWANCES: Final[dict[str, tuple[list[str], dict[str, str], str | None]]] = {
    "a known origin": ([PAGE], {"Origin": PAGE}, PAGE),
    "another": ([PAGE], {"Origin": OTHER}, None),
    "none": ([PAGE], {}, None),
    "another scheme": ([PAGE], {"Origin": "http://pages.example"}, None),
    "another port": ([PAGE], {"Origin": "https://pages.example:8443"}, None),
    "a longer name": ([PAGE], {"Origin": "https://pages.example.evil.example"}, None),
    "no origin at all": ([PAGE], {"Origin": "null"}, None),
    "an empty one": ([PAGE], {"Origin": ""}, None),
    "one of several": ([OTHER, PAGE], {"Origin": PAGE}, PAGE),
    "anybody": (["*"], {"Origin": OTHER}, "*"),
    "anybody, without an origin": (["*"], {}, "*"),
    "anybody and somebody": (["*", PAGE], {"Origin": PAGE}, "*"),
}


@pytest.mark.parametrize(("known", "given", "allowed"), ALLOWANCES.values(), ids=ALLOWANCES)
def test_allows_those_that_are_named(
    known: list[str], given: dict[str, str], allowed: str | None
) -> None:
    """One answer is not kept for another origin, and none is given to a page with cookies."""
    found = allowance(headers(**given), origins(known))
    assert found.get("Access-Control-Allow-Origin") == allowed
    assert found["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in found
    assert ("Access-Control-Expose-Headers" in found) == (allowed is not None)


def test_says_nothing_without_origins() -> None:
    """Who names none is not told of any."""
    assert allowance(headers(Origin=PAGE), frozenset()) == {}


ASKS: Final = {"Origin": PAGE, "Access_Control_Request_Method": "POST"}


@pytest.mark.parametrize(
    ("verb", "given", "known", "is_answered"),
    [
        ("OPTIONS", ASKS, [PAGE], True),
        ("OPTIONS", ASKS, ["*"], True),
        ("OPTIONS", {**ASKS, "Origin": OTHER}, [PAGE], False),
        ("OPTIONS", ASKS, [], False),
        ("OPTIONS", {"Origin": PAGE}, [PAGE], False),
        ("GET", ASKS, [PAGE], False),
        ("POST", ASKS, [PAGE], False),
    ],
)
def test_answers_a_browser_that_asks_first(
    verb: str, given: dict[str, str], known: list[str], is_answered: bool
) -> None:
    """Any other request goes on to where it was sent."""
    answer = preflight(verb, headers(**given), origins(known), "r-1")
    assert (answer is not None) == is_answered


@pytest.fixture(scope="module")
async def services(shared_services: ServicesMaker) -> Services:
    """A service that pages of one other origin may call."""
    return await shared_services(cors_origin=(PAGE,))


@pytest.fixture(scope="module")
async def token(services: Services) -> str:
    """A good token."""
    return await first_token(services)


@pytest.fixture
async def http(services: Services) -> AsyncIterator[Client]:
    """A client of that service."""
    async with http_client(services) as client:
        yield client


def allowed(response: ClientResponse) -> str | None:
    """The origin that an answer is for."""
    return response.headers.get("Access-Control-Allow-Origin")


@pytest.mark.parametrize("path", [READ, "/api" + READ, "/rpc", "/openrpc.json", "/nothing"])
async def test_a_browser_may_ask_first(http: Client, path: str) -> None:
    """Without credentials; it is told what may be sent, and need not ask again for long."""
    asks = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    response = await http.options(path, headers=asks)
    assert (response.status, await response.read()) == (204, b"")
    assert allowed(response) == PAGE
    sent = {name.strip() for name in response.headers["Access-Control-Allow-Headers"].split(",")}
    assert {"Authorization", "Content-Type", "X-API-Key"} <= sent
    assert response.headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert int(response.headers["Access-Control-Max-Age"]) >= 600
    assert "Access-Control-Allow-Credentials" not in response.headers


async def test_a_foreign_browser_is_refused(http: Client) -> None:
    """It asked for a verb that there is not, and is told of no origin."""
    asks = {"Origin": OTHER, "Access-Control-Request-Method": "POST"}
    response = await http.options(READ, headers=asks)
    assert (response.status, allowed(response)) == (405, None)


async def test_a_page_may_read_an_answer(http: Client, token: str) -> None:
    """And the headers that a program has use for."""
    given = {"Origin": PAGE, "Authorization": f"Bearer {token}"}
    response = await http.post(READ, json=[], headers=given)
    assert (response.status, allowed(response)) == (200, PAGE)
    shown = response.headers["Access-Control-Expose-Headers"].split(", ")
    assert set(shown) == {"Retry-After", "WWW-Authenticate", "X-Request-Id"}
    assert response.headers["Vary"] == "Origin"


async def test_a_foreign_page_may_not(http: Client, token: str) -> None:
    """The call is answered, since browsers alone keep it from the page."""
    given = {"Origin": OTHER, "Authorization": f"Bearer {token}"}
    response = await http.post(READ, json=[], headers=given)
    assert (response.status, allowed(response)) == (200, None)
    assert response.headers["Vary"] == "Origin"


REFUSED: Final[dict[str, tuple[str, str, dict[str, str], int]]] = {
    "without a token": ("GET", READ, {}, 401),
    "with an unknown token": ("GET", READ, {"X-API-Key": "nonsense"}, 401),
    "to nowhere": ("POST", "/v1/nothing", {"Content-Type": "application/json"}, 404),
    "by another verb": ("DELETE", READ, {}, 405),
    "of another type": ("POST", READ, {"Content-Type": "text/plain"}, 415),
    "too long": ("POST", READ, {"Content-Type": "application/json"}, 413),
    "no handshake of ours": ("GET", "/api", {"Upgrade": "websocket"}, 400),
}


@pytest.mark.parametrize(("verb", "path", "given", "status"), REFUSED.values(), ids=REFUSED)
async def test_a_page_may_read_a_refusal(
    http: Client, verb: str, path: str, given: dict[str, str], status: int
) -> None:
    """Or it could not tell its user what is wrong."""
    body = io.BytesIO(b" " * 2_000_000 if status == 413 else b"[]") if verb == "POST" else None
    response = await http.request(verb, path, data=body, headers={"Origin": PAGE, **given})
    assert (response.status, allowed(response)) == (status, PAGE)


async def test_a_cookie_of_another_page_counts_for_nothing(http: Client) -> None:
    """Being allowed to call is not being signed in."""
    given = {"Origin": PAGE, "Cookie": "api_tokens_session=session_x"}
    response = await http.get("/v1/session/read", headers=given)
    assert (response.status, allowed(response)) == (401, PAGE)
    assert "Set-Cookie" not in response.headers


async def test_without_the_setting_nobody_is_told_of_it(services: Services) -> None:
    """Neither that an answer depends on the origin."""
    closed = replace(services, settings=replace(services.settings, cors_origin=()))
    async with http_client(closed) as client:
        response = await client.get(READ, headers={"Origin": PAGE})
        assert (allowed(response), response.headers.get("Vary")) == (None, None)


async def test_anybody_may_be_let_in(services: Services, token: str) -> None:
    """With *, by name of no origin: browsers send no cookie then."""
    opened = replace(services, settings=replace(services.settings, cors_origin=("*",)))
    async with http_client(opened) as client:
        response = await client.get(READ, headers={"Origin": OTHER, "X-API-Key": token})
        assert (response.status, allowed(response)) == (200, "*")
        assert "Access-Control-Allow-Credentials" not in response.headers


async def test_a_bad_origin_does_not_start(database_url: str, tmp_path: Path) -> None:
    """One line says which."""
    options = ["--data-dir", str(tmp_path), "--database-url", database_url, "--port", "0"]
    options += ["--cors-origin", PAGE, "--cors-origin", "pages.example"]
    code, out, errors = await output("serve", *options)
    assert (code, out) == (1, "")
    [line] = [line for line in errors.splitlines() if " INFO " not in line]
    assert line.startswith("api-tokens: --cors-origin: 'pages.example' is no origin")
