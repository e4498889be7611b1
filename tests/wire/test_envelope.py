from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from app.call import Failure, Success
from app.errors import ANSWERS, Code, Fault, Refusal, invalid
from app.wire.envelope import encode, render
from app.wire.http import request_id

COMMON = {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Server": "api-tokens",
    "X-Request-Id": "r-1",
}
OK = b'{"jsonrpc":"2.0","result":{"status":200,"status_text":"OK","exception":false,"data":'


@pytest.mark.parametrize(
    ("result", "body"),
    [
        (Success(), OK + b"null}}"),
        (Success([]), OK + b"[]}}"),
        (Success([{"id": "x"}], {"rows": 1}), OK + b'[{"id":"x"}],"meta":{"rows":1}}}'),
        (Success("ä"), OK + '"ä"}}'.encode()),
        (Success(False), OK + b"false}}"),
    ],
)
def test_a_success_is_spelled_so(result: Success, body: bytes) -> None:
    """Byte by byte as wire.md has it; `meta` is there when something is said."""
    answer = render(result, "r-1")
    assert (answer.status, answer.body) == (200, body)
    assert {**answer.headers, "X-Request-Id": answer.request_id} == COMMON


def test_a_failure_is_spelled_so() -> None:
    """`error.data.meta` is an object even when there is nothing in it."""
    answer = render(Failure.of(Refusal(Code.METHOD_NOT_FOUND)), "r-1")
    assert answer.status == 404
    assert answer.body == (
        b'{"jsonrpc":"2.0","error":{"code":-32809,"message":"API method not found",'
        b'"data":{"exception":false,"meta":{}}}}'
    )


def test_faults_are_spelled_so() -> None:
    """As sentences for the public client, and as path and message for everybody else."""
    refusal = invalid(Fault("/0", "must be string"), Fault("", "Invalid number of arguments"))
    answer = render(Failure.of(refusal), "r-1")
    assert answer.status == 400
    assert answer.body == (
        b'{"jsonrpc":"2.0","error":{"code":-32808,"message":"Arguments validation error",'
        b'"data":{"exception":false,"meta":{'
        b'"errors":["Value at \\"/0\\" must be string","Invalid number of arguments"],'
        b'"faults":[{"path":"/0","message":"must be string"},'
        b'{"path":"","message":"Invalid number of arguments"}]}}}}'
    )


def test_an_internal_failure_is_spelled_so() -> None:
    """It alone is an exception, and says no more."""
    answer = render(Failure.of(Refusal(Code.INTERNAL)), "r-1")
    assert answer.status == 500
    assert answer.body == (
        b'{"jsonrpc":"2.0","error":{"code":500,"message":"Internal Server Error",'
        b'"data":{"exception":true,"meta":{}}}}'
    )


@pytest.mark.parametrize("code", Code)
def test_every_failure_has_the_clients_shape(code: Code) -> None:
    """Code, message, and data with an exception flag and a plain object as meta."""
    error = orjson.loads(render(Failure.of(Refusal(code)), "r-1").body)["error"]
    assert error == {
        "code": int(code),
        "message": ANSWERS[code][1],
        "data": {"exception": code == 500, "meta": {}},
    }


MORE_HEADERS: dict[int, dict[str, str]] = {
    -32802: {"Retry-After": "1"},
    -32804: {"Allow": "GET, POST"},
    -32812: {"WWW-Authenticate": "Bearer"},
    -32814: {"Retry-After": "1"},
    -32815: {"WWW-Authenticate": "Bearer"},
    -32816: {"Retry-After": "1"},
}


@pytest.mark.parametrize("code", Code)
def test_a_failure_has_the_headers_of_its_status(code: Code) -> None:
    """401 says how to authenticate, 405 what is allowed, 429 and 503 when to come back."""
    answer = render(Failure.of(Refusal(code)), "r-1")
    assert answer.status == ANSWERS[code][0]
    assert answer.headers == COMMON | MORE_HEADERS.get(code, {})


@pytest.mark.parametrize("code", [Code.TOO_MANY_REQUESTS, Code.BACKEND_DOWN, Code.CONFLICT])
def test_a_refusal_may_know_when_to_come_back(code: Code) -> None:
    """What it says goes before what its code says in general."""
    answer = render(Failure.of(Refusal(code, retry_after=37)), "r-1")
    assert answer.headers["Retry-After"] == "37"


def test_a_guest_is_told_how_to_authenticate() -> None:
    """Access denied is 401 to who showed nothing, and 403 without that header to others."""
    guest = render(Failure.of(Refusal(Code.ACCESS_DENIED, status=401)), "r-1")
    assert guest.headers["WWW-Authenticate"] == "Bearer"
    other = render(Failure.of(Refusal(Code.ACCESS_DENIED)), "r-1")
    assert (other.status, "WWW-Authenticate" in other.headers) == (403, False)


@pytest.mark.parametrize("result", [Success(1), Failure.of(Refusal(Code.NOT_FOUND))])
@pytest.mark.parametrize("call_id", [1, "x", None])
def test_an_id_stands_beside_the_result(result: Success | Failure, call_id: Any) -> None:
    """The members that a wire adds do not get into the result itself."""
    document = orjson.loads(render(result, "r-1", {"id": call_id}).body)
    assert document.pop("id") == call_id
    assert document == orjson.loads(render(result, "r-1").body)


def test_rendering_changes_nothing() -> None:
    """Headers of one answer do not get into the next."""
    before = dict(render(Success(), "r-1").headers)
    render(Failure.of(Refusal(Code.DELETED)), "r-2")
    assert render(Success(), "r-1").headers == before


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2027, 1, 31, 12, tzinfo=UTC), b'"2027-01-31T12:00:00Z"'),
        (datetime(2027, 1, 31, 12, 0, 0, 5, tzinfo=UTC), b'"2027-01-31T12:00:00.000005Z"'),
        (datetime(1, 1, 1, tzinfo=UTC), b'"0001-01-01T00:00:00Z"'),
    ],
)
def test_times_are_rfc_3339(moment: datetime, text: bytes) -> None:
    """In UTC, with as many decimals as there is something to say."""
    assert encode(moment) == text


def test_a_time_in_another_zone_stays_the_same_moment() -> None:
    """Whatever the database's zone is."""
    zone = timezone(timedelta(hours=2))
    text = orjson.loads(encode(datetime(2027, 1, 31, 14, tzinfo=zone)))
    assert datetime.fromisoformat(text) == datetime(2027, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "given", ["r-1", "A.b_c:d-9", "x" * 64, "01900000-0000-7000-8000-00000000dead"]
)
def test_keeps_the_id_of_a_gateway(given: str) -> None:
    """A request is found again in every log under the one id."""
    assert request_id(CIMultiDictProxy(CIMultiDict({"x-request-id": given}))) == given


@pytest.mark.parametrize(
    "given", [None, "", "x" * 65, "a b", "a\nb", "a\n", "ä", "a/b", '"', "<script>", "\udcff"]
)
def test_makes_an_id_where_there_is_none(given: str | None) -> None:
    """What could not stand in a log as it is, or is absent, is replaced by a new one."""
    headers = CIMultiDictProxy(CIMultiDict({} if given is None else {"X-Request-Id": given}))
    first, second = request_id(headers), request_id(headers)
    assert first != second
    assert len(first) == 16
    assert int(first, 16) >= 0
