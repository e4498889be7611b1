"""Result → the envelope that HTTP and WebSocket answers share.

{"jsonrpc": "2.0", "result": {"status", "status_text", "exception", "data", "meta"}}
{"jsonrpc": "2.0", "error": {"code", "message", "data": {"exception", "meta"}}}
"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import orjson

from app.call import Failure, Result, Success
from app.errors import Code
from app.wire.http import Answer

_HEADERS: Final = {
    "Content-Type": "application/json",
    # Answers hold secrets: no cache keeps them, no browser guesses them to be a page.
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Server": "api-tokens",
}


def render(
    result: Result, request_id: str, members: Mapping[str, Any] = MappingProxyType({})
) -> Answer:
    """The result as an HTTP answer; `members` (a JSON-RPC id) stand beside it."""
    if isinstance(result, Success):
        body = encode({"jsonrpc": "2.0", **members, "result": success(result)})
        return Answer(200, body, {**_HEADERS, "X-Request-Id": request_id})
    body = encode({"jsonrpc": "2.0", **members, "error": failure(result)})
    return Answer(result.status, body, headers(request_id, result))


def plain(status: int, value: Any, request_id: str) -> Answer:
    """A value that is no method's answer, without an envelope."""
    return Answer(status, encode(value), {**_HEADERS, "X-Request-Id": request_id})


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
