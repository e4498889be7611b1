"""JSON-RPC 2.0 over HTTP as its specification has it: POST /rpc, one envelope or a batch of them.

Answers have status 200 whatever they say, as public clients expect; only what is no JSON-RPC at all
(another verb, another content type) is refused by status.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from app.call import Failure, Request, Result, Success
from app.dispatcher import Dispatcher
from app.errors import Code, Refusal
from app.wire import bodies, envelope, headers, jsonrpc
from app.wire.credentials import credentials
from app.wire.http import Answer, Received
from app.wire.identity import Identity

PATHS: Final = frozenset({"/rpc", "/api/rpc"})
# Calls of one batch that run at the same time: it shall not keep all others from the database.
AT_ONCE: Final = 4

_NO_ID: Final[Mapping[str, Any]] = {"id": None}
_TRANSPORT: Final = frozenset({Code.VERB_NOT_ALLOWED, Code.UNSUPPORTED_CONTENT_TYPE})


async def answer(
    dispatcher: Dispatcher, received: Received, request_id: str, batch_limit: int
) -> Answer:
    """Run the call, or the calls, that a request asks for."""
    at = Request("", [], credentials(received.headers), id=request_id, address=received.address)
    try:
        body = _decode(received)
        is_batch = isinstance(body, list)
        batch = jsonrpc.read_batch(body, at, batch_limit) if is_batch else [jsonrpc.read(body, at)]
    except Refusal as refusal:
        return _refused(Failure.of(refusal), received, request_id)
    if is_batch:  # who calls is asked once for all calls that run at the same time
        identity = Identity(dispatcher.authentication, at.credentials)
        dispatcher = replace(dispatcher, authentication=identity)
    results = await jsonrpc.answer_all(dispatcher.dispatch, batch, AT_ONCE)
    told = jsonrpc.documents(batch, results, jsonrpc.SPECIFICATION)
    if told:
        answered = envelope.plain(200, told if is_batch else told[0], request_id)
    else:
        answered = envelope.nothing(request_id)
    return _completed(answered, results, received)


def _decode(received: Received) -> Any:
    if received.verb != "POST":
        raise Refusal(Code.VERB_NOT_ALLOWED)
    return bodies.decode(received)


def _refused(failure: Failure, received: Received, request_id: str) -> Answer:
    """The answer to what holds no call."""
    if failure.code in _TRANSPORT:
        answered = envelope.render(failure, request_id, _NO_ID)
        return headers.completed(answered, failure, received)
    document = envelope.document(failure, _NO_ID, jsonrpc.SPECIFICATION)
    return envelope.plain(200, document, request_id)


def _completed(answered: Answer, results: Sequence[Result], received: Received) -> Answer:
    # Successes last: a session that began is kept, though other calls found an old one ended.
    for result in sorted(results, key=lambda each: isinstance(each, Success)):
        answered = headers.completed(answered, result, received)
    return answered
