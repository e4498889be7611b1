"""Method calls over HTTP: POST /v1/MODULE/METHOD with a JSON array of arguments, or GET with none.

A JSON-RPC 2.0 envelope posted to any of these URLs is a call of the method it names.
"""

from collections.abc import Mapping
from typing import Any, Final

from multidict import istr

from app.call import Failure, Request, Result, Success
from app.dispatcher import Dispatcher
from app.errors import Refusal
from app.wire import bodies, envelope, headers, jsonrpc
from app.wire.credentials import credentials
from app.wire.envelope import NO_MEMBERS
from app.wire.http import Answer, Received

BASE: Final = "/api"
VOID: Final = istr("X-Api-Void-Call")


async def answer(
    dispatcher: Dispatcher, received: Received, request_id: str, fixed: Success | None = None
) -> Answer:
    """Run the call that a request asks for; `fixed` answers a path that names no method."""
    if received.verb not in {"GET", "POST"}:
        return headers.verb_refused(request_id, *_verbs(dispatcher, received))
    try:
        body = decode(received)
    except Refusal as refusal:
        return envelope.render(Failure.of(refusal), request_id)
    request = parse(received, body, request_id)
    if not jsonrpc.is_envelope(body):
        return _rendered(fixed or await dispatcher.dispatch(request), received, request_id)
    asked = jsonrpc.read(body, request)
    result = await jsonrpc.answer(dispatcher.dispatch, asked)
    if asked.is_notification and not _is_void(received):
        return headers.completed(envelope.nothing(request_id), result, received)
    return _rendered(result, received, request_id, asked.members)


def decode(received: Received) -> Any:
    """The JSON value of the body; an empty body is no arguments.

    Raises:
        Refusal: the content type is not JSON, or the body is not.
    """
    return bodies.decode(received) if received.verb == "POST" and received.body else []


def parse(received: Received, body: Any, request_id: str) -> Request:
    """The call that the URL names; a body that is no list is the one argument."""
    return Request(  # by position: a class takes twice as long by name
        received.path.removeprefix(BASE),
        body if isinstance(body, list) else [body],
        credentials(received.headers),
        received.verb == "GET",
        request_id,
        received.address,
    )


def _verbs(dispatcher: Dispatcher, received: Received) -> tuple[str, ...]:
    """The verbs that a path has."""
    method = dispatcher.registry.methods.get(received.path.removeprefix(BASE))
    return ("GET", "POST") if method is None or method.answers_get else ("POST",)


def _rendered(
    result: Result, received: Received, request_id: str, members: Mapping[str, Any] = NO_MEMBERS
) -> Answer:
    """The result as an answer; who makes a void call sees an empty success."""
    if _is_void(received):
        answered = envelope.render(Success(), request_id)
    else:
        answered = envelope.render(result, request_id, members, jsonrpc.HOUSE)
    return headers.completed(answered, result, received)


def _is_void(received: Received) -> bool:
    return received.headers.get(VOID) == "true"
