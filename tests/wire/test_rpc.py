"""JSON-RPC 2.0 over HTTP: the examples of its specification, and one call at a time."""

from typing import Any

import orjson
import pytest

from app.services import Services
from tests.people import http_client
from tests.support import MISSING_ID, Api
from tests.wire.support import (
    CREATE,
    READ,
    answer_to,
    call,
    code,
    error,
    names,
    post,
    received,
    told,
)

INVALID_REQUEST = {"code": -32600, "message": "Invalid Request", "id": None}
PARSE_ERROR = {"code": -32700, "message": "Parse error", "id": None}

# https://www.jsonrpc.org/specification, section 7, in its order. `subtract`, `sum` and the like,
# whose results tell how the arguments were taken, are tokens made here: their names and roles tell.
EXAMPLES: list[tuple[str, str, Any]] = [
    (
        "positional parameters",
        """{"jsonrpc": "2.0", "method": "v1/api-tokens/create",
            "params": ["x", {"role": "read-only"}], "id": 1}""",
        {"result": ["x", "read-only"], "id": 1},
    ),
    (
        "positional parameters the other way round",
        """{"jsonrpc": "2.0", "method": "v1/api-tokens/create",
            "params": [{"role": "read-only"}, "x"], "id": 2}""",
        {"code": -32602, "message": "Invalid params", "id": 2},
    ),
    (
        "named parameters",
        """{"jsonrpc": "2.0", "method": "v1/api-tokens/create",
            "params": {"name": "x", "options": {"role": "read-only"}}, "id": 3}""",
        {"result": ["x", "read-only"], "id": 3},
    ),
    (
        "named parameters the other way round",
        """{"jsonrpc": "2.0", "method": "v1/api-tokens/create",
            "params": {"options": {"role": "read-only"}, "name": "x"}, "id": 4}""",
        {"result": ["x", "read-only"], "id": 4},
    ),
    (
        "a notification",
        """{"jsonrpc": "2.0", "method": "v1/api-tokens/create", "params": ["x"]}""",
        None,
    ),
    ("a notification of nothing", """{"jsonrpc": "2.0", "method": "foobar"}""", None),
    (
        "non-existent method",
        """{"jsonrpc": "2.0", "method": "foobar", "id": "1"}""",
        {"code": -32601, "message": "Method not found", "id": "1"},
    ),
    (
        "invalid JSON",
        """{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]""",
        PARSE_ERROR,
    ),
    (
        "invalid request object",
        """{"jsonrpc": "2.0", "method": 1, "params": "bar"}""",
        INVALID_REQUEST,
    ),
    (
        "batch, invalid JSON",
        """[
            {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
            {"jsonrpc": "2.0", "method"
        ]""",
        PARSE_ERROR,
    ),
    ("an empty array", "[]", INVALID_REQUEST | {"message": "Invalid Request: the batch is empty"}),
    ("an invalid batch that is not empty", "[1]", [INVALID_REQUEST]),
    ("invalid batch", "[1,2,3]", [INVALID_REQUEST, INVALID_REQUEST, INVALID_REQUEST]),
    (
        "batch",
        """[
            {"jsonrpc": "2.0", "method": "v1/api-tokens/create", "params": ["x"], "id": "1"},
            {"jsonrpc": "2.0", "method": "v1/api-tokens/create", "params": ["told"]},
            {"jsonrpc": "2.0", "method": "v1/api-tokens/create",
                "params": ["y", {"role": "analyst"}], "id": "2"},
            {"foo": "boo"},
            {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
            {"jsonrpc": "2.0", "method": "v1/settings/read", "id": "9"}
        ]""",
        [
            {"result": ["x", None], "id": "1"},
            {"result": ["y", "analyst"], "id": "2"},
            INVALID_REQUEST,
            {"code": -32601, "message": "Method not found", "id": "5"},
            {"result": [None, None], "id": "9"},
        ],
    ),
    (
        "batch, all notifications",
        """[
            {"jsonrpc": "2.0", "method": "v1/api-tokens/create", "params": ["x"]},
            {"jsonrpc": "2.0", "method": "v1/api-tokens/create", "params": ["y"]}
        ]""",
        None,
    ),
]


def gist(document: Any) -> Any:
    """What an example tells of an answer, which must have no member beside those of its kind."""
    if isinstance(document, list):
        return [gist(each) for each in document]
    assert document["jsonrpc"] == "2.0"
    if "error" in document:
        call_id, number, message = error(document)
        return {"code": number, "message": message, "id": call_id}
    assert document.keys() == {"jsonrpc", "id", "result"}
    data = document["result"]["data"]
    return {"result": [data.get("name"), data.get("role")], "id": document["id"]}


@pytest.mark.parametrize(
    ("body", "expected"), [example[1:] for example in EXAMPLES], ids=[e[0] for e in EXAMPLES]
)
async def test_an_example_of_the_specification(root: Api, body: str, expected: Any) -> None:
    """Each is answered as the specification says; what is not answered has no body at all."""
    answered = await post(root, body.encode())
    if expected is None:
        assert (answered.status, answered.body) == (204, b"")
    else:
        assert answered.status == 200
        assert gist(orjson.loads(answered.body)) == expected


async def test_notifications_take_effect(root: Api) -> None:
    """One by itself, and those of a batch."""
    await post(root, call(CREATE, ["alone"]))
    await post(root, [call(CREATE, ["first"]), call(CREATE, ["second"])])
    assert await names(root) == ["alone", "first", "second"]


@pytest.mark.parametrize(
    "body",
    [
        call(READ, id=1),
        call(READ),
        [call(READ)],
        [call("nothing", id=1)],
        [],
        b"{",
    ],
    ids=repr,
)
async def test_every_answer_has_the_request_id(root: Api, body: Any) -> None:
    """Also one without a body."""
    assert (await post(root, body)).headers["X-Request-Id"] == "r-1"


@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "post"])
async def test_only_post_is_taken(root: Api, verb: str) -> None:
    """Another verb is refused by status, and told which is right."""
    answered = await answer_to(root.services.dispatcher, received(call(READ, id=1), verb=verb))
    assert (answered.status, answered.headers["Allow"]) == (405, "POST")
    assert error(orjson.loads(answered.body)) == (None, -32804, "HTTP method not allowed")


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
)
async def test_only_json_is_taken(root: Api, content_type: str | None) -> None:
    """What a page of another origin can send without asking is refused by status."""
    arrived = received(call(CREATE, ["x"], id=1), content_type=content_type)
    answered = await answer_to(root.services.dispatcher, arrived)
    assert answered.status == 415
    assert error(orjson.loads(answered.body)) == (None, -32803, "Unsupported content type")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"\0",
        b"[",
        b"\xff",
        b"[" * 100_000 + b"]" * 100_000,
        b"[" * 100_000,
        b'{"jsonrpc":"2.0","method":"x","id":1,"params":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda body: repr(body[:16]),
)
async def test_what_is_no_json_is_a_parse_error(root: Api, body: bytes) -> None:
    """Nothing, something else, or deep beyond reason."""
    assert gist(await told(root, body)) == PARSE_ERROR


@pytest.mark.parametrize("body", [1, "x", None, True, {}, {"method": READ, "id": 1}], ids=repr)
async def test_what_is_no_envelope_is_an_invalid_request(root: Api, body: Any) -> None:
    """On this path nothing is taken for arguments."""
    assert gist(await told(root, body)) == INVALID_REQUEST


@pytest.mark.parametrize("call_id", [None, 0, -1, 1.5, 2**53, "", "1", "ä🎈"], ids=repr)
async def test_the_id_comes_back(root: Api, call_id: Any) -> None:
    """As it was given, null included: only who gives none waits for no answer."""
    document = await told(root, call("nothing", id=call_id))
    assert (document["id"], type(document["id"])) == (call_id, type(call_id))


@pytest.mark.parametrize("call_id", [{}, {"a": 1}, [], [1], True, False], ids=repr)
async def test_other_ids_are_an_invalid_request(root: Api, call_id: Any) -> None:
    """They could not be told apart from others, so the answer's id is null."""
    assert gist(await told(root, call(READ, id=call_id))) == INVALID_REQUEST


@pytest.mark.parametrize(
    ("params", "path"),
    [([1], "/0"), ({"name": 1}, "/name"), (["x", {"token": 1}], "/1/token")],
)
async def test_faults_stand_beside_the_error(root: Api, params: Any, path: str) -> None:
    """The specification leaves `data` to us: it is what it is on every wire."""
    document = await told(root, call(CREATE, params, id=1))
    assert error(document) == (1, -32602, "Invalid params")
    data = document["error"]["data"]
    assert data["exception"] is False
    assert data["meta"]["faults"] == [{"path": path, "message": "must be string"}]


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        ("v1/api-tokens/delete", [MISSING_ID], (1, 404, "Token not found")),
        ("v1/users/create", ["root"], (1, 409, "Name is taken")),
        ("v1/api-tokens/create", ["x", {"role": "x"}], (1, 400, 'Role "x" is not valid')),
    ],
)
async def test_other_refusals_have_their_own_code(
    root: Api, method: str, params: Any, expected: tuple[int, int, str]
) -> None:
    """The specification defines none for them; HTTP went well all the same."""
    assert error(await told(root, call(method, params, id=1))) == expected


@pytest.mark.parametrize(("token", "expected"), [(None, -32811), ("nonsense", -32815)])
async def test_who_may_not_call_is_told_so(root: Api, token: str | None, expected: int) -> None:
    """By the code alone: no status, no header that browsers ask for a password at."""
    answered = await post(root.bearing(token), call(READ, id=7))
    assert (answered.status, "WWW-Authenticate" in answered.headers) == (200, False)
    assert code(orjson.loads(answered.body)) == (7, expected)


async def test_an_internal_error_says_nothing(
    root: Api, sql: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged with the request id; other calls of the batch are answered."""
    await sql.execute("drop table audit_events cascade")
    broken, good = await told(root, [call("v1/audit/read", id=1), call("nothing", id=2)])
    assert error(broken) == (1, 500, "Internal Server Error")
    assert broken["error"]["data"] == {"exception": True, "meta": {}}
    assert code(good) == (2, -32601)
    assert "request r-1: /v1/audit/read failed" in caplog.messages


@pytest.mark.parametrize("path", ["/rpc", "/api/rpc"])
async def test_over_http(services: Services, root: Api, path: str) -> None:
    """Both paths take an envelope and a batch; the request id a gateway gave comes back."""
    headers = {"Authorization": f"Bearer {root.token}", "X-Request-Id": "from-a-gateway"}
    async with http_client(services) as http:
        alone = await http.post(path, json=call("v1/session/read", id=1), headers=headers)
        batch = [call("v1/session/read", id=2), call(READ), call("nothing", id=3)]
        together = await http.post(path, json=batch, headers=headers)
        nothing = await http.post(path, json=batch[1:2], headers=headers)
        assert (await alone.json())["result"]["data"]["user"]["name"] == "root"
        assert [each["id"] for each in await together.json()] == [2, 3]
        assert (nothing.status, await nothing.read()) == (204, b"")
        assert together.headers["X-Request-Id"] == nothing.headers["X-Request-Id"]
        assert together.headers["X-Request-Id"] == "from-a-gateway"
