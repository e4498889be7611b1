"""The service over HTTP: whatever is sent, a clear JSON answer comes back."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Final

import orjson
import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import RawTestServer, TestClient

from app.door import Door
from app.services import Services
from tests.support import Api

JSON: Final = {"Content-Type": "application/json"}
READ: Final = "/v1/api-tokens/read"
CREATE: Final = "/v1/api-tokens/create"

Client = TestClient[Any, Any]


@pytest.fixture
def door(services: Services) -> Door:
    """Where the client's requests come in."""
    return Door(services)


@pytest.fixture
async def http(door: Door) -> AsyncIterator[Client]:
    """An HTTP client of the service."""
    client: Client = TestClient(RawTestServer(door.handle))
    async with client:
        yield client


async def error_of(response: ClientResponse) -> Any:
    """The error of an answer, which is an envelope with a request id whatever went wrong."""
    assert response.headers["X-Request-Id"]
    error = orjson.loads(await response.read())["error"]
    assert isinstance(error["data"]["meta"], dict)
    return error


@pytest.mark.parametrize("base", ["", "/api"])
async def test_answers_under_both_bases(http: Client, root: Api, base: str) -> None:
    """The methods are at /v1/… and at /api/v1/…, where the public client looks for them."""
    response = await http.get(base + READ, headers={"Authorization": f"Bearer {root.token}"})
    assert response.status == 200
    assert [row["name"] for row in (await response.json())["result"]["data"]] == ["root"]


async def test_creates_lists_and_deletes(http: Client, root: Api) -> None:
    """What is made by POST is listed by GET and gone after it is deleted."""
    headers = {"X-API-Key": str(root.token)}
    made = await (await http.post(CREATE, json=["ci", None], headers=headers)).json()
    token_id = made["result"]["data"]["id"]
    listed = await (await http.get(READ, headers=headers)).json()
    assert token_id in [row["id"] for row in listed["result"]["data"]]
    await http.post("/v1/api-tokens/delete", json=[token_id], headers=headers)
    listed = await (await http.get(READ, headers=headers)).json()
    assert listed["result"]["meta"] == {"rows": 1, "next_page": False, "next_cursor": None}


BODIES: Final = {
    "not JSON": (b"name=ci", -32807),
    "truncated": (b'["ci"', -32807),
    "not UTF-8": (b'["\xff"]', -32807),
    "100,000 nested brackets": (b"[" * 100_000, -32807),
    "NaN": (b"[NaN]", -32807),
    "a lone surrogate": (rb'["\ud800"]', -32807),
    "an exponent beyond all numbers": (b"[1e999]", -32807),
    "a number beyond 64 bits": (b"[123456789012345678901234567890]", -32808),
    "NUL in a name": (rb'["a\u0000b"]', -32808),
    "a number as a name": (b"[7]", -32808),
    "null for what is required": (b"[null]", -32808),
    "no arguments": (b"[]", -32808),
    "too many arguments": (b'["a",{},{}]', -32808),
    "an object as the one argument": (b'{"name":"ci"}', -32808),
    "an offset beyond 64 bits": (b'["ci",{"expires":1e30}]', -32808),
}


@pytest.mark.parametrize(("body", "code"), BODIES.values(), ids=BODIES)
async def test_refuses_a_body_that_cannot_be_meant(
    http: Client, root: Api, body: bytes, code: int
) -> None:
    """A bad body gets its code and HTTP 400, and no token is made."""
    headers = {"Authorization": f"Bearer {root.token}", **JSON}
    response = await http.post(CREATE, data=body, headers=headers)
    assert (response.status, (await error_of(response))["code"]) == (400, code)
    assert len(await root("api-tokens/read")) == 1


@pytest.mark.parametrize("arrives", ["at once", "in pieces"])
async def test_refuses_a_body_over_the_limit(http: Client, root: Api, arrives: str) -> None:
    """A body over the limit gets 413, with its length announced or not."""
    body = b'["' + b"x" * (1024 * 1024) + b'"]'

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    data = io.BytesIO(body) if arrives == "at once" else pieces()
    response = await http.post(CREATE, data=data, headers=JSON)
    assert (response.status, (await error_of(response))["code"]) == (413, 413)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
async def test_refuses_another_content_type(http: Client, content_type: str) -> None:
    """What is not JSON by its own account is not read."""
    response = await http.post(CREATE, data=b'["ci"]', headers={"Content-Type": content_type})
    assert (response.status, (await error_of(response))["code"]) == (415, -32803)


@pytest.mark.parametrize("verb", ["PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_refuses_other_verbs(http: Client, verb: str) -> None:
    """A method is called by GET or POST, and the answer says so."""
    response = await http.request(verb, READ)
    assert (response.status, (await error_of(response))["code"]) == (405, -32804)
    assert response.headers["Allow"] == "GET, POST"


async def test_get_cannot_change_anything(http: Client, root: Api) -> None:
    """GET on a method that changes something changes nothing."""
    headers = {"Authorization": f"Bearer {root.token}"}
    for method in ("create", "delete", "set-enabled", "set-permissions", "update-permissions"):
        response = await http.get(f"/v1/api-tokens/{method}", headers=headers)
        assert (response.status, (await error_of(response))["code"]) == (400, -32808)


@pytest.mark.parametrize(
    "path", ["/v1/", "/v1/no/such", "/console/none.js", "/v2/api-tokens/read", READ + "/"]
)
async def test_an_unknown_path_is_an_unknown_method(http: Client, path: str) -> None:
    """Every path that is nothing gets the same JSON answer."""
    response = await http.post(path, json=[])
    assert (response.status, (await error_of(response))["code"]) == (404, -32809)


async def test_refuses_two_different_credentials(http: Client, root: Api) -> None:
    """Two credentials that differ are refused, whichever of them is good."""
    headers = {"Authorization": f"Bearer {root.token}", "X-API-Key": "another"}
    response = await http.get(READ, headers=headers)
    assert (response.status, (await error_of(response))["code"]) == (400, 400)


async def test_asks_for_credentials(http: Client) -> None:
    """Without a token the answer is 401 and names the scheme."""
    response = await http.get(READ)
    assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_a_void_call_runs_and_answers_nothing(http: Client, root: Api) -> None:
    """A void call is carried out; its answer is the empty success."""
    headers = {"Authorization": f"Bearer {root.token}", "x-api-void-call": "true"}
    response = await http.post(CREATE, json=["void"], headers=headers)
    assert (await response.json())["result"]["data"] is None
    assert [row["name"] for row in await root("api-tokens/read")] == ["root", "void"]


async def test_answers_the_schema(http: Client) -> None:
    """`/api/schema` is the OpenRPC document, for anybody."""
    document = (await (await http.get("/api/schema")).json())["result"]["data"]
    assert document["openrpc"] == "1.3.2"
    assert "/v1/api-tokens/set-permissions" in [method["name"] for method in document["methods"]]


async def test_ignores_events(http: Client) -> None:
    """Events that the public client publishes are taken and ignored."""
    response = await http.post("/api/publish", json=["anything", 1])
    assert response.status == 200


async def test_keeps_the_request_id_of_a_gateway(http: Client) -> None:
    """A request id that came along is answered with; one that could forge a log line is not."""
    for given, kept in (("abc-123", True), ("a b", False), ("x" * 65, False)):
        response = await http.get(READ, headers={"X-Request-Id": given})
        assert (response.headers["X-Request-Id"] == given) == kept


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_tells_that_it_is_well(http: Client, path: str) -> None:
    """A service with its database is alive and ready."""
    response = await http.get(path)
    assert (response.status, await response.json()) == (200, {"status": "ok"})


async def test_refuses_new_calls_while_it_shuts_down(http: Client, door: Door, root: Api) -> None:
    """A call that still arrives at a closing service is told to try elsewhere."""
    door.closing = True
    response = await http.get(READ, headers={"Authorization": f"Bearer {root.token}"})
    assert (response.status, (await error_of(response))["code"]) == (503, -32816)
    assert response.headers["Retry-After"] == "1"


async def test_is_alive_but_not_ready_while_it_shuts_down(http: Client, door: Door) -> None:
    """Nobody shall kill it before its calls are done, nor send it more."""
    door.closing = True
    statuses = [(await http.get(path)).status for path in ("/health", "/ready")]
    assert statuses == [200, 503]


async def test_a_surprise_shows_nothing(
    http: Client, root: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected error is logged once with the request id, and its text never leaves."""

    async def surprise(*_: object) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(type(root.services.sql), "page", surprise)
    headers = {"Authorization": f"Bearer {root.token}", "X-Request-Id": "trace-me"}
    response = await http.get(READ, headers=headers)
    error = await error_of(response)
    assert (response.status, error["code"], error["message"]) == (500, 500, "Internal Server Error")
    assert error["data"] == {"exception": True, "meta": {}}
    assert "hunter2" not in await response.text()
    [record] = caplog.records
    assert "trace-me" in record.getMessage()
    assert record.exc_info


Count = Callable[[], Awaitable[int]]


@pytest.fixture
async def statements(services: Services) -> Count:
    """Counts the statements run since it was last asked."""
    ran: list[str] = []
    async with AsyncExitStack() as every:
        for _ in range(services.settings.database_connections):
            connection = await every.enter_async_context(services.database.connection())
            connection.add_query_logger(lambda record: ran.append(record.query))

    async def count() -> int:
        await asyncio.sleep(0)  # the driver tells its loggers on the loop's next turn
        seen = len(ran)
        ran.clear()
        return seen

    return count


REFUSED: Final[dict[str, tuple[str, list[Any], int]]] = {
    "unknown method": ("api-tokens/nothing", [], -32809),
    "missing arguments": ("api-tokens/create", [], -32808),
    "wrong arguments": ("api-tokens/create", [7], -32808),
    "unknown permission": ("api-tokens/create", ["x", {"permissions": {"x": True}}], 400),
    "unknown role": ("api-tokens/create", ["x", {"role": "x"}], 400),
    "past expiry": ("api-tokens/create", ["x", {"expires": "2020-01-01T00:00:00Z"}], -32808),
    "bad cursor": ("api-tokens/read", [{"after": "x"}], -32808),
}


@pytest.mark.parametrize(("method", "arguments", "code"), REFUSED.values(), ids=REFUSED)
async def test_a_refused_call_runs_no_statement(
    root: Api, statements: Count, method: str, arguments: list[Any], code: int
) -> None:
    """What is refused before its method's statement costs the database nothing."""
    assert (await root.refusal(method, *arguments)).code == code
    assert await statements() == 0
    await root.bearing(None).refusal(method, *arguments)
    assert await statements() == 0


async def test_junk_never_reaches_the_database(root: Api, statements: Count) -> None:
    """A token with our prefix and a wrong checksum is refused without any statement."""
    token = str(root.token)
    for junk in (token[:-1] + ("a" if token[-1] != "a" else "b"), token[:-1], "apt_", "short"):
        assert (await root.bearing(junk).refusal("api-tokens/read")).code == -32815
    assert await statements() == 0


async def test_a_call_is_one_statement(root: Api, statements: Count) -> None:
    """No method costs more than one statement; who calls is known."""
    made = await root("api-tokens/create", "one")
    calls: list[tuple[Any, ...]] = [
        ("api-tokens/read",),
        ("api-tokens/read", {"count": True, "where": {"name": "one"}}),
        ("api-tokens/get-permissions", made["id"]),
        ("api-tokens/set-permissions", made["id"], {"read": True}),
        ("api-tokens/update-permissions", made["id"], {"write": True}),
        ("api-tokens/set-enabled", made["id"], False),
        ("api-tokens/delete", made["id"]),
        ("users/create", "alice"),
        ("users/read",),
    ]
    assert await statements() == 1
    for call in calls:
        await root(*call)
        assert await statements() == 1, call
