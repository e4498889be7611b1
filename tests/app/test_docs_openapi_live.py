"""The OpenAPI document beside a live server: paths, answers and headers are as it says."""

import io
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import RawTestServer, TestClient

from app.door import Door
from app.services import Services
from app.validation import is_valid
from tests.app.openapi import DOCUMENT, SCHEMAS, answer, answer_schema, operations
from tests.support import Server

CREATE: Final = "/v1/api-tokens/create"
SET_API: Final = "/v1/settings/set-api-enabled"
JSON: Final = {"Content-Type": "application/json"}


@pytest.fixture
async def http(server: Server) -> AsyncIterator[ClientSession]:
    """An HTTP client of the server, without credentials."""
    async with ClientSession(server.url) as client:
        yield client


async def test_every_path_is_there(http: ClientSession) -> None:
    """Each documented path is served, by its verbs, at each of its servers."""
    missing = []
    for verb, path, operation in operations():
        for place in operation.get("servers", DOCUMENT["servers"]):
            url = place["url"].rstrip("/") + path
            async with http.request(verb, url) as response:
                missing += [(verb, url)] if response.status in {404, 405} else []
    assert missing == []


async def test_other_paths_have_one_place(http: ClientSession) -> None:
    """What the document has at one server only is not at the other."""
    for verb, path, operation in operations():
        if verb == "get" and "servers" in operation:
            async with http.get(f"/api{path}") as response:
                assert response.status == 404, path


@pytest.mark.parametrize(
    ("status", "path", "body", "headers"),
    [
        (200, CREATE, b'["ci"]', {}),
        (200, CREATE, b'["ci"]', {"X-Api-Void-Call": "true"}),
        (400, CREATE, b"[]", {}),
        (400, CREATE, b"[", {}),
        (400, CREATE, b'["ci"]', {"X-API-Key": "another"}),
        (401, CREATE, b'["ci"]', {"Authorization": "Bearer dead"}),
        (401, CREATE, b'["ci"]', {"Authorization": "Bearer session_dead"}),
        (401, CREATE, b'["ci"]', {"Authorization": ""}),
        (403, SET_API, b"[true]", {"Authorization": "Bearer {weak}"}),
        (413, CREATE, b" " * 2**21, {}),
        (415, CREATE, b"[]", {"Content-Type": "text/plain"}),
        (415, CREATE, b"[]", {"Content-Encoding": "gzip"}),
        (415, "/rpc", b"{}", {"Content-Type": "text/plain"}),
        (415, "/rpc", b"{}", {"Content-Encoding": "gzip"}),
        (200, "/rpc", b"[", {}),
        (200, "/rpc", b"[]", {}),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_answers_are_as_told(
    http: ClientSession,
    server: Server,
    weak: str,
    *,
    status: int,
    path: str,
    body: bytes,
    headers: dict[str, str],
) -> None:
    """An answer is as the document says of its status: body, and the headers it promises."""
    shown = {"Authorization": f"Bearer {server.root_token}"} | JSON | headers
    sent = {name: value.format(weak=weak) for name, value in shown.items() if value}
    async with http.post(path, data=io.BytesIO(body), headers=sent) as response:
        assert response.status == status
        assert is_valid(answer_schema(path, "post", status), SCHEMAS, await response.json())
        promised = answer(path, "post", status)["headers"].keys() - {"Set-Cookie"}
        assert promised <= response.headers.keys()


async def test_shutting_down_is_as_told(services: Services) -> None:
    """Whatever is asked for while the service ends is refused as the document says."""
    door = Door(services)
    door.closing = True
    async with TestClient[Any, Any](RawTestServer(door.handle)) as client:
        for verb, path in (("post", CREATE), ("post", "/rpc"), ("get", "/ready"), ("get", "/docs")):
            async with client.request(verb, path) as response:
                assert response.status == 503
                assert is_valid(answer_schema(path, verb, 503), SCHEMAS, await response.json())


async def test_a_page_is_as_told(http: ClientSession, server: Server) -> None:
    """The answer of a list has the members that tell where in the whole it stands."""
    path, headers = "/v1/api-tokens/read", {"Authorization": f"Bearer {server.root_token}"}
    async with http.get(path, headers=headers) as response:
        body: Any = await response.json()
    schema = answer_schema(path, "get", 200)
    assert is_valid(schema, SCHEMAS, body)
    del body["result"]["meta"]["rows"]
    assert not is_valid(schema, SCHEMAS, body)
