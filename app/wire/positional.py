"""Method calls over HTTP: POST /v1/MODULE/METHOD with a JSON array of arguments, or GET with none.

A JSON-RPC 2.0 envelope posted to any of these URLs is a call of the method it names.
"""

from dataclasses import replace
from typing import Any, Final

import orjson

from app.authentication import SESSION_ENDED
from app.call import FORGOTTEN, Failure, Request, Result, Success
from app.dispatcher import Dispatcher
from app.errors import Code, Refusal
from app.wire import cookies, envelope, jsonrpc
from app.wire.credentials import credentials
from app.wire.http import Answer, Received

BASE: Final = "/api"
VOID: Final = "X-Api-Void-Call"


async def answer(
    dispatcher: Dispatcher, received: Received, request_id: str, fixed: Success | None = None
) -> Answer:
    """Run the call that a request asks for; `fixed` answers a path that names no method."""
    members: dict[str, Any] = {}
    try:
        body = decode(received)
        members = jsonrpc.members(body)
        request = parse(received, body, request_id)
    except Refusal as refusal:
        return envelope.render(Failure.of(refusal), request_id, members)
    enveloped = jsonrpc.is_envelope(body)
    result = fixed if fixed and not enveloped else await dispatcher.dispatch(request)
    if received.headers.get(VOID) == "true":
        rendered = envelope.render(Success(), request_id)
    elif enveloped and not members:  # a notification: nobody waits for an answer
        rendered = Answer(204, b"", {"X-Request-Id": request_id})
    else:
        rendered = envelope.render(result, request_id, members)
    more = _more_headers(result, received)
    return replace(rendered, headers={**rendered.headers, **more}) if more else rendered


def _more_headers(result: Result, received: Received) -> dict[str, str]:
    """What an answer over HTTP says beside what is in its body, even if nothing is."""
    if isinstance(result, Success):
        kept = result.session
    elif result.code is Code.VERB_NOT_ALLOWED:  # what changes something is not for GET
        return {"Allow": "POST"}
    else:
        kept = FORGOTTEN if _has_dead_cookie(result, received) else None
    return {"Set-Cookie": cookies.setting(kept, received.headers)} if kept else {}


def _has_dead_cookie(failure: Failure, received: Received) -> bool:
    """Whether the refusal is that of a session, and a cookie held it."""
    return failure.text == SESSION_ENDED and bool(cookies.sessions(received.headers))


def decode(received: Received) -> Any:
    """The JSON value of the body; an empty body is no arguments.

    Raises:
        Refusal: the verb is neither GET nor POST, the content type is not JSON, or the body is not.
    """
    if received.verb not in {"GET", "POST"}:
        raise Refusal(Code.VERB_NOT_ALLOWED)
    if received.verb == "GET" or not received.body:
        return []
    if not _is_json(received.headers.get("Content-Type", "")):
        raise Refusal(Code.UNSUPPORTED_CONTENT_TYPE)
    try:
        return orjson.loads(received.body)
    except orjson.JSONDecodeError:
        raise Refusal(Code.UNDECODABLE_BODY) from None


def parse(received: Received, body: Any, request_id: str) -> Request:
    """The call; a body that is neither a list nor an envelope is the one argument.

    Raises:
        Refusal: it is an envelope that is no request.
    """
    request = Request(
        method=received.path.removeprefix(BASE),
        arguments=body if isinstance(body, list) else [body],
        credentials=credentials(received.headers),
        read_only=received.verb == "GET",
        id=request_id,
        address=received.address,
    )
    return jsonrpc.parse(body, request) if jsonrpc.is_envelope(body) else request


def _is_json(content_type: str) -> bool:
    """Whether a Content-Type is JSON in the one encoding JSON has (RFC 8259, section 8.1)."""
    if content_type == "application/json":
        return True
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [p.partition("=")[2].strip('"') for p in parameters if p.startswith("charset")]
    return media_type == "application/json" and all(c in {"utf-8", "utf8"} for c in charsets)
