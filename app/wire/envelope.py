"""Result → the envelope that HTTP and WebSocket answers share.

{"jsonrpc": "2.0", "result": {"status", "status_text", "exception", "data", "meta"}}
{"jsonrpc": "2.0", "error": {"code", "message", "data": {"exception", "meta"}}}
"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import orjson

from app.call import Failure, Result, Success
from app.errors import ANSWERS, Code
from app.wire.http import HEADERS, Answer

# How a wire spells a code and its text where it does not spell them as the house does.
Spelling: TypeAlias = Mapping[Code, tuple[int, str]]
_AS_IT_IS: Final[Spelling] = MappingProxyType({})
# A dict, since from no other mapping members are taken as quickly.
NO_MEMBERS: Final[Mapping[str, Any]] = {}


def render(
    result: Result,
    request_id: str,
    members: Mapping[str, Any] = NO_MEMBERS,
    spelling: Spelling = _AS_IT_IS,
) -> Answer:
    """The result as an HTTP answer; `members` (a JSON-RPC id) stand beside it."""
    body = encode(document(result, members, spelling))
    if isinstance(result, Success):
        return Answer(200, body, HEADERS, request_id)
    return Answer(result.status, body, headers(request_id, result))


def document(
    result: Result,
    members: Mapping[str, Any] = NO_MEMBERS,
    spelling: Spelling = _AS_IT_IS,
) -> dict[str, Any]:
    """The whole answer: version, id, and either a result or an error."""
    if not isinstance(result, Success):
        return {"jsonrpc": "2.0", **members, "error": _spelled(result, spelling)}
    member = {"status": 200, "status_text": "OK", "exception": False, "data": result.data}
    if result.meta:
        member["meta"] = result.meta
    return {"jsonrpc": "2.0", **members, "result": member}


def plain(status: int, value: Any, request_id: str) -> Answer:
    """A value that is no method's answer, without an envelope."""
    return Answer(status, encode(value), {**HEADERS, "X-Request-Id": request_id})


def nothing(request_id: str) -> Answer:
    """The answer to who waits for none."""
    kept = {name: text for name, text in HEADERS.items() if name != "Content-Type"}
    return Answer(204, b"", {**kept, "X-Request-Id": request_id})


def failure(result: Failure) -> dict[str, Any]:
    """The `error` member. The public client reports a 500 unless `data.meta` is an object."""
    meta: dict[str, Any] = {}
    if result.faults:
        meta["errors"] = [str(fault) for fault in result.faults]
        meta["faults"] = [{"path": f.path, "message": f.message} for f in result.faults]
    data = {"exception": result.code is Code.INTERNAL, "meta": meta}
    return {"code": int(result.code), "message": result.text, "data": data}


def _spelled(result: Failure, spelling: Spelling) -> dict[str, Any]:
    """The `error` member with another code, and another text if it is not the refusal's own."""
    member = failure(result)
    if result.code in spelling:
        code, text = spelling[result.code]
        is_common = result.text == ANSWERS[result.code][1]
        member |= {"code": code, "message": text if is_common else result.text}
    return member


def headers(request_id: str, result: Failure) -> dict[str, str]:
    """The headers of a refusal: who to be (401), what verbs there are (405), when to come back."""
    given = {**HEADERS, "X-Request-Id": request_id}
    if result.status == HTTPStatus.UNAUTHORIZED:
        given["WWW-Authenticate"] = "Bearer"
    if result.status == HTTPStatus.METHOD_NOT_ALLOWED:
        given["Allow"] = "GET, POST"
    if result.retry_after:
        given["Retry-After"] = str(result.retry_after)
    return given


def encode(value: Any) -> bytes:
    """JSON, with times in UTC as RFC 3339 writes them."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)
