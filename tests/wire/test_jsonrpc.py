from typing import Any

import orjson
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from app.call import Request
from app.errors import Refusal
from app.wire.http import Answer, Received
from app.wire.jsonrpc import Envelope, is_envelope, read, read_batch
from app.wire.positional import answer
from tests.support import Api

READ = "/v1/api-tokens/read"
AT = Request("/v1/at/url", [], ("credential",), read_only=False, id="r-1")
MALFORMED: list[dict[str, Any]] = [
    {},
    {"method": None},
    {"method": 1},
    {"method": [READ]},
    {"method": READ, "params": "x"},
    {"method": READ, "params": 1},
    {"method": READ, "params": True},
]


def refused(asked: Envelope) -> int:
    """The code that an envelope which is no request is refused with."""
    assert isinstance(asked.asked, Refusal)
    return asked.asked.code


async def post(api: Api, body: Any, path: str = "/api/v1/nothing", **headers: str) -> Answer:
    """The answer to an envelope, posted anywhere."""
    given = {"Content-Type": "application/json", "Authorization": f"Bearer {api.token}"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    arrived = Received("POST", path, CIMultiDictProxy(CIMultiDict(given)), raw)
    return await answer(api.services.dispatcher, arrived, "r-1")


@pytest.mark.parametrize(
    "body", [{"jsonrpc": "2.0"}, {"jsonrpc": "2.0", "method": READ}, {"jsonrpc": "2.0", "x": 1}]
)
def test_an_object_that_says_so_is_an_envelope(body: Any) -> None:
    """The version decides, also for one that lacks the rest."""
    assert is_envelope(body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"method": READ, "id": 1},
        {"jsonrpc": "1.0", "method": READ},
        {"jsonrpc": 2.0, "method": READ},
        {"jsonrpc": None},
        [{"jsonrpc": "2.0"}],
        "jsonrpc",
        None,
        2.0,
    ],
)
def test_anything_else_is_arguments(body: Any) -> None:
    """Read options, for one, are an object and no envelope."""
    assert not is_envelope(body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [({}, {}), ({"id": 1}, {"id": 1}), ({"id": None}, {"id": None}), ({"Id": 1}, {})],
)
def test_an_answer_repeats_the_id(body: dict[str, Any], expected: dict[str, Any]) -> None:
    """An id of null is one, if a discouraged one; who gives none waits for no answer."""
    asked = read({"jsonrpc": "2.0", "method": READ, **body}, AT)
    assert (asked.members, asked.is_notification) == (expected, not expected)


@pytest.mark.parametrize("call_id", [True, False, {}, [], [1], {"a": 1}])
def test_an_id_is_text_or_a_number(call_id: Any) -> None:
    """What is neither could not be told apart from others; the answer's id is null."""
    asked = read({"jsonrpc": "2.0", "method": READ, "id": call_id}, AT)
    assert asked.members == {"id": None}
    assert refused(asked) == -32600


@pytest.mark.parametrize(
    ("envelope", "method", "arguments"),
    [
        ({"method": READ}, READ, []),
        ({"method": READ[1:]}, READ, []),
        ({"method": READ, "params": []}, READ, []),
        ({"method": READ, "params": None}, READ, []),
        ({"method": READ, "params": [{"limit": 1}]}, READ, [{"limit": 1}]),
        ({"method": READ, "params": {"options": {}}}, READ, {"options": {}}),
        ({"method": READ, "params": {}}, READ, {}),
        ({"method": READ, "id": 7, "signal": {}}, READ, []),
        ({"method": ""}, "/", []),
        ({"method": "//x"}, "//x", []),
    ],
)
def test_reads_an_envelope(envelope: dict[str, Any], method: str, arguments: Any) -> None:
    """With or without the slash, by position or by name; unknown members are ignored."""
    found = read({"jsonrpc": "2.0", **envelope}, AT).asked
    assert isinstance(found, Request)
    assert (found.method, found.arguments) == (method, arguments)


def test_the_rest_of_the_request_stays() -> None:
    """Credentials and request id are those of the HTTP request; the envelope's id is not in it."""
    found = read({"jsonrpc": "2.0", "method": READ, "id": 7}, AT).asked
    assert found == Request(READ, [], ("credential",), read_only=False, id="r-1")


@pytest.mark.parametrize(
    "body",
    [
        *({"jsonrpc": "2.0", "id": 7, **members} for members in MALFORMED),
        *({"jsonrpc": "2.0", **members} for members in MALFORMED),
        *({"method": READ, "id": 7}, {"jsonrpc": "1.0", "method": READ, "id": 7}),
        *(1, "x", None, True, [], {}),
    ],
    ids=repr,
)
def test_what_is_no_request_is_answered(body: Any) -> None:
    """With the id where there is one, else with null: it is not taken for a notification."""
    asked = read(body, AT)
    has_id = isinstance(body, dict) and body.get("jsonrpc") == "2.0" and "id" in body
    assert asked.members == {"id": 7 if has_id else None}
    assert refused(asked) == -32600


@pytest.mark.parametrize(("size", "is_taken"), [(0, False), (1, True), (3, True), (4, False)])
def test_a_batch_has_a_limit(size: int, is_taken: bool) -> None:
    """An empty one asks for nothing, and is refused too."""
    body = [{"jsonrpc": "2.0", "method": READ, "id": 7}] * size
    if is_taken:
        assert len(read_batch(body, AT, 3)) == size
    else:
        with pytest.raises(Refusal) as caught:
            read_batch(body, AT, 3)
        assert caught.value.code == -32600


@pytest.mark.parametrize("call_id", [1, 0, -1, 1.5, "x", "", None, 2**53, "ä🎈"])
async def test_the_id_comes_back(root: Api, call_id: Any) -> None:
    """As it was given, beside the result and beside an error."""
    call = {"jsonrpc": "2.0", "method": READ, "id": call_id}
    answered = orjson.loads((await post(root, call)).body)
    assert answered["id"] == call_id
    assert answered["result"]["data"][0]["name"] == "root"
    refused = orjson.loads((await post(root, {**call, "method": "/v1/nothing"})).body)
    assert (refused["id"], refused["error"]["code"]) == (call_id, -32809)


@pytest.mark.parametrize("path", ["/", "/api", "/api/", "/v1/users/read", "/rpc/anything"])
async def test_an_envelope_may_be_posted_anywhere(root: Api, path: str) -> None:
    """The method is the envelope's, whatever the URL says."""
    answered = await post(root, {"jsonrpc": "2.0", "method": READ, "id": 1}, path)
    assert answered.status == 200
    assert orjson.loads(answered.body)["result"]["data"][0]["name"] == "root"


@pytest.mark.parametrize("params", [["ci", None], {"name": "ci"}, {"options": None, "name": "ci"}])
async def test_arguments_by_position_or_by_name(root: Api, params: Any) -> None:
    """Both ways call the same method."""
    call = {"jsonrpc": "2.0", "method": "v1/api-tokens/create", "params": params, "id": 1}
    assert orjson.loads((await post(root, call)).body)["result"]["data"]["name"] == "ci"


async def test_faults_by_name_have_names(root: Api) -> None:
    """A fault stands where the caller gave the argument."""
    call = {"jsonrpc": "2.0", "method": "/v1/api-tokens/create", "params": {"name": 1}, "id": 1}
    answered = await post(root, call)
    meta = orjson.loads(answered.body)["error"]["data"]["meta"]
    assert answered.status == 400
    assert meta == {
        "errors": ['Value at "/name" must be string'],
        "faults": [{"path": "/name", "message": "must be string"}],
    }


async def test_a_notification_runs_and_gets_no_body(root: Api) -> None:
    """204, with the request id alone."""
    call = {"jsonrpc": "2.0", "method": "/v1/api-tokens/create", "params": ["ci"]}
    answered = await post(root, call)
    assert (answered.status, answered.body) == (204, b"")
    assert answered.headers["X-Request-Id"] == "r-1"
    assert "Content-Type" not in answered.headers
    assert [row["name"] for row in await root("api-tokens/read")] == ["ci", "root"]


async def test_a_refused_notification_gets_no_body(root: Api) -> None:
    """Nobody waits for an error either."""
    answered = await post(root, {"jsonrpc": "2.0", "method": "/v1/nothing"})
    assert (answered.status, answered.body) == (204, b"")


async def test_a_malformed_envelope_is_refused(root: Api) -> None:
    """It is not taken for an argument, and not for a notification."""
    answered = await post(root, {"jsonrpc": "2.0", "id": 1}, READ)
    assert answered.status == 400
    assert orjson.loads(answered.body)["error"]["code"] == -32807


async def test_a_refused_credential_has_the_id(root: Api) -> None:
    """Every refusal of a call that could be read says which call it was."""
    call = {"jsonrpc": "2.0", "method": READ, "id": 7}
    answered = await post(root.bearing("nonsense"), call)
    assert answered.status == 401
    assert answered.headers["WWW-Authenticate"] == "Bearer"
    assert orjson.loads(answered.body)["id"] == 7


async def test_the_outer_document_is_the_specifications(root: Api) -> None:
    """Version, id, and either a result or an error (JSON-RPC 2.0, section 5)."""
    call = {"jsonrpc": "2.0", "method": READ, "id": 7}
    assert orjson.loads((await post(root, call)).body).keys() == {"jsonrpc", "id", "result"}
    refused = orjson.loads((await post(root, {**call, "params": [1, 2]})).body)
    assert refused.keys() == {"jsonrpc", "id", "error"}
    assert refused["error"].keys() == {"code", "message", "data"}
