from dataclasses import replace
from typing import Any

import orjson
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from app.call import Request
from app.errors import Refusal
from app.services import Services
from app.token_format import make
from app.wire.http import Answer, Received
from app.wire.positional import answer, decode, parse
from tests.conftest import MemberMaker
from tests.support import MISSING_ID, Api

PATH = "/v1/api-tokens/read"
JSON = {"Content-Type": "application/json"}
EMPTY_SUCCESS = (
    b'{"jsonrpc":"2.0","result":{"status":200,"status_text":"OK","exception":false,"data":null}}'
)


def received(
    body: bytes = b"", verb: str = "POST", path: str = PATH, headers: Any = JSON
) -> Received:
    """A request as it comes from the network."""
    return Received(verb, path, CIMultiDictProxy(CIMultiDict(headers)), body)


def request(arrived: Received) -> Request:
    """What the wire understands of it."""
    return parse(arrived, decode(arrived), "r-1")


async def post(api: Api, method: str, body: bytes = b"", **headers: str) -> Answer:
    """The answer to a call over HTTP with the API's token."""
    given = {**JSON, "Authorization": f"Bearer {api.token}"} if api.token else dict(JSON)
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    arrived = received(body, path=f"/v1/{method}", headers=given)
    return await answer(api.services.dispatcher, arrived, "r-1")


def error(answered: Answer) -> dict[str, Any]:
    """The error of a refused call."""
    document: dict[str, Any] = orjson.loads(answered.body)["error"]
    return document


@pytest.mark.parametrize(
    ("body", "arguments"),
    [
        (b"[]", []),
        (b"", []),
        (b'["x",{"read":true}]', ["x", {"read": True}]),
        (b"[null,null]", [None, None]),
        (b"[[1,2]]", [[1, 2]]),
        (b' \r\n\t["x"] ', ["x"]),
        (b'{"where":{}}', [{"where": {}}]),
        (b'{"jsonrpc":"1.0","method":"x"}', [{"jsonrpc": "1.0", "method": "x"}]),
        (b'"x"', ["x"]),
        (b"0", [0]),
        (b"false", [False]),
        (b"null", [None]),
        (b"{}", [{}]),
        (b'["\\ud83c\\udf88\\u0000"]', ["🎈\0"]),
        (b"[18446744073709551616]", [18446744073709551616.0]),
        (b'{"a":1,"a":2}', [{"a": 2}]),
    ],
)
def test_a_body_is_the_arguments(body: bytes, arguments: list[Any]) -> None:
    """An array is all of them, nothing is none, anything else is the one argument."""
    assert request(received(body)).arguments == arguments


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_no_body_is_no_arguments(verb: str) -> None:
    """The public client sends GET then; a content type is not needed."""
    assert request(received(verb=verb, headers={})).arguments == []


def test_a_body_of_a_get_is_not_looked_at() -> None:
    """It means nothing (RFC 9110, section 9.3.1), whatever is in it."""
    assert request(received(b"{not json", verb="GET", headers={})).arguments == []


@pytest.mark.parametrize(("verb", "read_only"), [("GET", True), ("POST", False)])
def test_get_promises_to_change_nothing(verb: str, read_only: bool) -> None:
    """The dispatcher holds the wire to it."""
    assert request(received(verb=verb)).read_only is read_only


@pytest.mark.parametrize(
    ("path", "method"),
    [
        (PATH, PATH),
        (f"/api{PATH}", PATH),
        (f"/api/api{PATH}", f"/api{PATH}"),
        (f"/API{PATH}", f"/API{PATH}"),
        (f"/apis{PATH}", f"s{PATH}"),
        ("/api", ""),
        ("/", "/"),
    ],
)
def test_a_path_is_the_method(path: str, method: str) -> None:
    """With or without the base that clients are told."""
    assert request(received(path=path)).method == method


def test_takes_the_credentials_the_id_and_the_address() -> None:
    """They go into the request; nothing else of HTTP does."""
    token = make("apt")
    headers = {**JSON, "X-API-Key": token, "X-Other": "y", "X-Forwarded-For": "192.0.2.9"}
    arrived = replace(received(b"[1]", headers=headers), address="192.0.2.1")
    found = request(arrived)
    assert found == Request(PATH, [1], (token,), read_only=False, id="r-1", address="192.0.2.1")


def test_an_envelope_comes_from_somewhere_too() -> None:
    """Whatever the call is spelled in, its address stays with it."""
    arrived = received(b'{"jsonrpc":"2.0","method":"x","id":1}')
    assert request(replace(arrived, address="192.0.2.1")).address == "192.0.2.1"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        'application/json; charset="UTF-8"',
        "application/json ; charset=utf8",
        "application/json;",
        "application/json; profile=x",
    ],
)
def test_json_is_taken(content_type: str) -> None:
    """However a client spells the one encoding that JSON has."""
    assert request(received(b"[1]", headers={"Content-Type": content_type})).arguments == [1]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": "application/msgpack"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "text/plain; application/json"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json; charset=utf-16"},
    ],
)
def test_other_content_is_refused(headers: dict[str, str]) -> None:
    """What a browser can send across origins without asking is not taken for JSON."""
    with pytest.raises(Refusal) as caught:
        decode(received(b"[1]", headers=headers))
    assert (caught.value.code, caught.value.status) == (-32803, 415)


@pytest.mark.parametrize("verb", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "get", "BREW"])
async def test_other_verbs_are_refused(services: Services, verb: str) -> None:
    """Before anything else is looked at."""
    arrived = received(b"{not json", verb=verb, headers={})
    refused = await answer(services.dispatcher, arrived, "r-1")
    assert (refused.status, error(refused)["code"]) == (405, -32804)


@pytest.mark.parametrize(
    ("path", "verbs"),
    [
        (PATH, "GET, POST"),
        ("/api/v1/session/read", "GET, POST"),
        ("/v1/api-tokens/create", "POST"),
        ("/v1/session/sign-out", "POST"),
        ("/v1/api-tokens/get-permissions", "POST"),
        ("/v1/nothing", "GET, POST"),
    ],
)
async def test_tells_which_verbs_a_path_has(services: Services, path: str, verbs: str) -> None:
    """GET only where it can be a call: nothing is changed, and no argument required."""
    arrived = received(verb="PUT", path=path)
    refused = await answer(services.dispatcher, arrived, "r-1")
    assert refused.headers["Allow"] == verbs


@pytest.mark.parametrize(
    "body",
    [
        b"[",
        b'["x"',
        b'["x',
        b"[1,]",
        b"['x']",
        b"[01]",
        b"[+1]",
        b"[.5]",
        b"[1] [2]",
        b"[1]x",
        b"{a:1}",
        b" ",
        b"\0",
        b"undefined",
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e999]",
        b"[1" + b"0" * 400 + b"]",
        b'["\n"]',
        b'["\\x41"]',
        b'["\\ud800"]',
        b'["\\udc00\\ud800"]',
        b'{"\\udfff":1}',
        b'["\xff"]',
        b'["\xed\xa0\x80"]',
        b'["\xc0\xaf"]',
        b"\xef\xbb\xbf[]",
        '["x"]'.encode("utf-16"),
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:16]),
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """Truncated, deep beyond reason, not UTF-8, or JavaScript rather than JSON: one answer."""
    with pytest.raises(Refusal) as caught:
        decode(received(body))
    assert (caught.value.code, caught.value.status) == (-32807, 400)


async def test_answers_a_call(root: Api) -> None:
    """Bytes in, the method's value out."""
    made = await post(root, "api-tokens/create", b'["ci"]')
    assert made.status == 200
    assert made.request_id == "r-1"
    listed = orjson.loads((await post(root, "api-tokens/read")).body)["result"]
    assert [row["name"] for row in listed["data"]] == ["ci", "root"]
    assert listed["meta"] == {"rows": 2, "next_page": False, "next_cursor": None}


@pytest.mark.parametrize(
    ("method", "body", "status", "code"),
    [
        ("nothing", b"[]", 404, -32809),
        ("api-tokens/create", b"[]", 400, -32808),
        ("api-tokens/create", b"[", 400, -32807),
        ("api-tokens/delete", b'["%s"]' % MISSING_ID.encode(), 404, 404),
        ("users/create", b'["root"]', 409, 409),
    ],
)
async def test_answers_a_refusal(
    root: Api, method: str, body: bytes, status: int, code: int
) -> None:
    """The status and the code of the table, and an object as meta."""
    refused = await post(root, method, body)
    assert (refused.status, error(refused)["code"]) == (status, code)
    assert isinstance(error(refused)["data"]["meta"], dict)
    assert refused.headers["X-Request-Id"] == "r-1"


async def test_asks_a_guest_for_a_credential(root: Api) -> None:
    """401, and how to authenticate."""
    refused = await post(root.bearing(None), "api-tokens/read")
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_two_credentials_are_refused(root: Api) -> None:
    """They are never silently ranked; the same one twice is fine."""
    assert (await post(root, "api-tokens/read", X_API_Key=make("apt"))).status == 400
    assert (await post(root, "api-tokens/read", X_API_Key=root.token or "")).status == 200


async def test_a_get_reads_and_does_not_change(root: Api, member: MemberMaker) -> None:
    """`read` by GET answers, `create` by GET lacks its name."""
    headers = {"Authorization": f"Bearer {root.token}"}
    for path, status in ((PATH, 200), ("/api/v1/users/read", 200), ("/v1/users/create", 400)):
        arrived = received(verb="GET", path=path, headers=headers)
        assert (await answer(root.services.dispatcher, arrived, "r-1")).status == status


async def test_a_void_call_runs_and_says_nothing(root: Api) -> None:
    """The answer is the empty success envelope."""
    answered = await post(root, "api-tokens/create", b'["ci"]', X_Api_Void_Call="true")
    assert (answered.status, answered.body) == (200, EMPTY_SUCCESS)
    assert [row["name"] for row in await root("api-tokens/read")] == ["ci", "root"]


async def test_a_void_call_that_is_refused_says_nothing(root: Api) -> None:
    """Who does not want the answer does not get a refusal either."""
    answered = await post(root, "api-tokens/create", b"[]", X_Api_Void_Call="true")
    assert (answered.status, answered.body) == (200, EMPTY_SUCCESS)


async def test_only_true_makes_a_call_void(root: Api) -> None:
    """Any other value of the header means nothing."""
    answered = await post(root, "api-tokens/read", X_Api_Void_Call="false")
    assert b'"name":"root"' in answered.body


@pytest.mark.parametrize("depth", [100, 248, 249, 250, 251, 252, 253])
async def test_metadata_that_is_taken_can_be_shown(root: Api, depth: int) -> None:
    """However deep it nests, a token is either refused or can be listed ever after."""
    body = b'["deep",{"metadata":{"a":' + b"[" * depth + b"]" * depth + b"}}]"
    assert (await post(root, "api-tokens/create", body)).status in {200, 400}
    assert (await post(root, "api-tokens/read")).status == 200


@pytest.mark.parametrize("depth", [255, 256, 500, 1000, 1019])
async def test_deep_arguments_are_no_internal_error(root: Api, depth: int) -> None:
    """Nobody can fill the log with tracebacks, least of all without a token."""
    body = b"[" * (depth + 1) + b"]" * (depth + 1)
    assert (await post(root.bearing(None), "api-tokens/create", body)).status == 400
