"""What is there to be read: the documents made from the schemas, and the module for browsers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import orjson
import pytest
from aiohttp import ClientResponse

from app.docs import URL
from app.pages import CONSOLE
from app.services import Services
from tests.conftest import ServicesMaker
from tests.people import Client, http_client

DOCUMENTS: Final = {
    "/docs": "text/html; charset=utf-8",
    "/openrpc.json": "application/json",
    "/openapi.json": "application/json",
    "/api.js": "text/javascript; charset=utf-8",
    "/api.d.ts": "text/plain; charset=utf-8",
}
OF_CONSOLE: Final = {
    "/": "text/html; charset=utf-8",
    "/console/main.js": "text/javascript; charset=utf-8",
    "/console/console.css": "text/css; charset=utf-8",
    "/console/icon.svg": "image/svg+xml",
}
TYPES: Final = {**DOCUMENTS, **OF_CONSOLE}
# Those in which the service's own address stands.
ADDRESSED: Final = ("/docs", "/openrpc.json")
paths = pytest.mark.parametrize("path", TYPES)


@pytest.fixture(scope="module")
async def services(shared_services: ServicesMaker) -> Services:
    """A service that the tests of this file share."""
    return await shared_services()


@pytest.fixture(scope="module")
async def http(services: Services) -> AsyncIterator[Client]:
    """A client of that service, without any credential."""
    async with http_client(services) as client:
        yield client


async def document(http: Client, path: str, **headers: str) -> str:
    """The text of a document."""
    response = await http.get(path, headers=headers)
    assert response.status == 200, await response.text()
    return await response.text()


async def error_of(response: ClientResponse) -> dict[str, Any]:
    """The error of a refusal."""
    error: dict[str, Any] = orjson.loads(await response.read())["error"]
    return error


@pytest.mark.parametrize(("path", "content_type"), TYPES.items())
async def test_anybody_may_read(http: Client, path: str, content_type: str) -> None:
    """Each with its type, which no browser is to guess, and nothing else."""
    response = await http.get(path)
    assert (response.status, response.headers["Content-Type"]) == (200, content_type)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Request-Id"]
    assert len(await response.read()) > 250


async def test_the_documents_are_what_they_say(http: Client) -> None:
    """OpenRPC 1.3, OpenAPI 3.1, HTML, and the module that stands in the console's folder."""
    assert orjson.loads(await document(http, "/openrpc.json"))["openrpc"].startswith("1.3")
    assert orjson.loads(await document(http, "/openapi.json"))["openapi"].startswith("3.1")
    assert (await document(http, "/docs")).lower().startswith("<!doctype html>")
    assert await document(http, "/api.js") == (CONSOLE / "api.js").read_text("utf-8")
    assert "api-tokens/create" in await document(http, "/api.d.ts")


@pytest.mark.parametrize("path", DOCUMENTS)
async def test_a_document_can_do_nothing(http: Client, path: str) -> None:
    """Whatever text came into it: no script runs, nothing is fetched, no form is sent."""
    policy = (await http.get(path)).headers["Content-Security-Policy"]
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert "script-src" not in rules
    assert (rules["base-uri"], rules["form-action"]) == ("'none'", "'none'")


@pytest.mark.parametrize("path", OF_CONSOLE)
async def test_the_console_runs_what_is_the_services_own(http: Client, path: str) -> None:
    """Nothing that stands between other things, nothing from elsewhere, in nobody's frame."""
    response = await http.get(path)
    policy = response.headers["Content-Security-Policy"]
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert (rules["default-src"], rules["frame-ancestors"]) == ("'none'", "'none'")
    assert {rules[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert "unsafe" not in policy
    assert response.headers["Referrer-Policy"] == "no-referrer"


async def test_every_file_of_the_console_is_there(http: Client) -> None:
    """By its name, and only those: no path leads out of their folder."""
    for file in CONSOLE.iterdir():
        if file.name not in {"api.js", "index.html"}:
            response = await http.get(f"/console/{file.name}")
            assert await response.read() == file.read_bytes()
    for path in (
        "/console/",
        "/console/api.js",
        "/console/..%2fpages.py",
        "/console/%2e%2e/door.py",
    ):
        assert (await http.get(path)).status == 404


@paths
async def test_is_compressed_for_who_takes_that(services: Services, path: str) -> None:
    """And for nobody else; each form has a tag of its own."""
    async with http_client(services) as client:
        found = {}
        for accepted in ("gzip, deflate, br", "identity", "br", "gzip;q=0"):
            headers = {"Accept-Encoding": accepted}
            found[accepted] = await client.get(path, headers=headers)
        whole = await found["identity"].read()
        assert [await each.read() for each in found.values()] == [whole] * 4
        encodings = [each.headers.get("Content-Encoding") for each in found.values()]
        assert encodings == ["gzip", None, None, None]
        assert int(found["gzip, deflate, br"].headers["Content-Length"]) < len(whole)
        assert len({each.headers["ETag"] for each in found.values()}) == 2
        assert all("Accept-Encoding" in each.headers["Vary"] for each in found.values())


@paths
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '"other",{}', "*"], ids=repr)
async def test_what_is_known_is_not_sent_again(http: Client, path: str, form: str) -> None:
    """304 without a body, to whoever has this version (RFC 9110, section 13.1.2)."""
    etag = (await http.get(path)).headers["ETag"]
    response = await http.get(path, headers={"If-None-Match": form.format(etag)})
    assert (response.status, await response.read()) == (304, b"")
    assert response.headers["ETag"] == etag


@paths
@pytest.mark.parametrize("form", ['"other"', "", 'W/"other"', "nonsense"], ids=repr)
async def test_what_is_not_known_is_sent(http: Client, path: str, form: str) -> None:
    """The whole of it, to be asked about again the next time."""
    response = await http.get(path, headers={"If-None-Match": form})
    assert response.status == 200
    assert response.headers["Cache-Control"] == "no-cache"


@paths
async def test_head_is_get_without_the_body(http: Client, path: str) -> None:
    """With the length of what GET sends."""
    got, asked = await http.get(path), await http.head(path)
    assert (asked.status, await asked.read()) == (200, b"")
    for name in ("Content-Type", "Content-Length", "ETag"):
        assert asked.headers[name] == got.headers[name]


@paths
@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_there_is_nothing_to_write(http: Client, path: str, verb: str) -> None:
    """405, in our envelope."""
    response = await http.request(verb, path)
    assert (response.status, (await error_of(response))["code"]) == (405, -32804)
    assert response.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path", ["/docs/", "/Docs", "/api/docs", "/openrpc", "/api.ts", "/docs.md"]
)
async def test_there_is_no_other_page(http: Client, path: str) -> None:
    """Any other path is an unknown method."""
    response = await http.get(path)
    assert (response.status, (await error_of(response))["code"]) == (404, -32809)


@pytest.mark.parametrize("path", ADDRESSED)
@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({"Host": "tokens.example"}, "http://tokens.example"),
        ({"Host": "tokens.example:8443"}, "http://tokens.example:8443"),
        ({"Host": "[::1]:8080"}, "http://[::1]:8080"),
        ({"Host": "tokens.example", "X-Forwarded-Proto": "https"}, "https://tokens.example"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_the_reader_is_told_where_they_are(
    http: Client, path: str, headers: dict[str, str], url: str
) -> None:
    """Calls can be pasted as they stand."""
    text = await document(http, path, **headers)
    assert url in text
    assert URL not in text


@pytest.mark.parametrize("path", ADDRESSED)
@pytest.mark.parametrize(
    "host",
    ['"><script>alert(1)</script>', "one host two", "evil.example/path", "a'b", "x" * 256, "$(id)"],
)
async def test_what_is_no_host_is_not_repeated(http: Client, path: str, host: str) -> None:
    """The header may hold anything; a page, or a shell's command line, may not."""
    text = await document(http, path, Host=host)
    assert host not in text
    assert URL in text


async def test_a_page_for_one_host_is_not_anothers(http: Client) -> None:
    """What a cache has of one is not taken for the other's."""
    etags = {
        host: (await http.get("/docs", headers={"Host": host})).headers["ETag"]
        for host in ("one.example", "two.example")
    }
    assert len(set(etags.values())) == 2


async def test_many_may_ask_at_once(services: Services) -> None:
    """While a page is being made for the first time, the service goes on."""
    async with http_client(services) as client:
        answers = await asyncio.gather(*(client.get(path) for path in [*TYPES, "/health"] * 5))
        assert {answer.status for answer in answers} == {200}
