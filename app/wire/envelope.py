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
from app.wire.http import Answer

# How a wire spells a code and its text where it does not spell them as the house does.
Spelling: TypeAlias = Mapping[Code, tuple[int, str]]

_HEADERS: Final = {
    "Content-Type": "application/json",
    # Answers hold secrets: no cache keeps them, no browser guesses them to be a page.
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Server": "api-tokens",
}


def render(
    result: Result,
    request_id: str,
    members: Mapping[str, Any] = MappingProxyType({}),
    spelling: Spelling = MappingProxyType({}),
) -> Answer:
    """The result as an HTTP answer; `members` (a JSON-RPC id) stand beside it."""
    body = encode(document(result, members, spelling))
    if isinstance(result, Success):
        return Answer(200, body, {**_HEADERS, "X-Request-Id": request_id})
    return Answer(result.status, body, headers(request_id, result))


def document(
    result: Result,
    members: Mapping[str, Any] = MappingProxyType({}),
    spelling: Spelling = MappingProxyType({}),
) -> dict[str, Any]:
    """The whole answer: version, id, and either a result or an error."""
    if isinstance(result, Success):
        return {"jsonrpc": "2.0", **members, "result": success(result)}
    return {"jsonrpc": "2.0", **members, "error": _spelled(result, spelling)}


def plain(status: int, value: Any, request_id: str) -> Answer:
    """A value that is no method's answer, without an envelope."""
    return Answer(status, encode(value), {**_HEADERS, "X-Request-Id": request_id})


def nothing(request_id: str) -> Answer:
    """The answer to who waits for none."""
    kept = {name: text for name, text in _HEADERS.items() if name != "Content-Type"}
    return Answer(204, b"", {**kept, "X-Request-Id": request_id})


def success(result: Success) -> dict[str, Any]:
    """The `result` member."""
    member: dict[str, Any] = {
        "status": 200,
        "status_text": "OK",
        "exception": False,
        "data": result.data,
    }
    if result.meta:
        member["meta"] = result.meta
    return member


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
    given = {**_HEADERS, "X-Request-Id": request_id}
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
