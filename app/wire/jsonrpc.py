"""JSON-RPC 2.0 (https://www.jsonrpc.org/specification): envelopes → calls, Results → answers.

An envelope is a call wherever it arrives. On the wires of the house its refusals bear the codes of
`errors`; on /rpc those that the specification defines for the same.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from app.call import Failure, Request, Result
from app.errors import ANSWERS, Code, Refusal
from app.wire import envelope
from app.wire.envelope import NO_MEMBERS, Spelling

Run: TypeAlias = Callable[[Request], Awaitable[Result]]
# What an id, and what arguments may be: `str | int` would be made anew each time.
_IDS: Final = (str, int, float, type(None))
_ARGUMENTS: Final = (list, dict)
# What is no request is, for the public client, a body that cannot be decoded.
HOUSE: Final[Spelling] = MappingProxyType(
    {Code.INVALID_REQUEST: (int(Code.UNDECODABLE_BODY), ANSWERS[Code.UNDECODABLE_BODY][1])}
)
SPECIFICATION: Final[Spelling] = MappingProxyType(
    {
        Code.METHOD_NOT_FOUND: (-32601, "Method not found"),
        Code.INVALID_ARGUMENTS: (-32602, "Invalid params"),
        Code.UNDECODABLE_BODY: (-32700, "Parse error"),
    }
)


@dataclass(slots=True)
class Envelope:
    """What a body asks for: a call, or a refusal where it is none. Without an id nobody waits.

    `members` is what an answer repeats of it: {"id": …}, or nothing.
    """

    members: Mapping[str, Any]
    asked: Request | Refusal

    @property
    def is_notification(self) -> bool:
        """Whether no answer is wanted, not even a refusal."""
        return not self.members


def is_envelope(body: Any) -> bool:
    """Whether a body is a JSON-RPC request rather than arguments."""
    return isinstance(body, dict) and body.get("jsonrpc") == "2.0"


def read(body: Any, at: Request) -> Envelope:
    """The call that one envelope asks for, in place of the one that `at` has.

    `method` comes with or without the leading slash, `params` by position or by name. What is no
    request is always answered, with an id of null where it has none that can be read.
    """
    if not is_envelope(body):
        return Envelope({"id": None}, Refusal(Code.INVALID_REQUEST))
    call_id, method, arguments = body.get("id"), body.get("method"), body.get("params")
    if not isinstance(call_id, _IDS) or isinstance(call_id, bool):
        return Envelope({"id": None}, Refusal(Code.INVALID_REQUEST))
    arguments = [] if arguments is None else arguments
    if not isinstance(method, str) or not isinstance(arguments, _ARGUMENTS):
        return Envelope({"id": call_id}, Refusal(Code.INVALID_REQUEST))
    method = method if method.startswith("/") else f"/{method}"
    called = Request(method, arguments, at.credentials, at.read_only, at.id, at.address)
    return Envelope({"id": call_id} if "id" in body else NO_MEMBERS, called)


def read_batch(body: Sequence[Any], at: Request, most: int) -> list[Envelope]:
    """Every call of a batch, of which there are at most so many.

    Raises:
        Refusal: it is empty, or too long.
    """
    if not body:
        raise Refusal(Code.INVALID_REQUEST, "Invalid Request: the batch is empty")
    if len(body) > most:
        raise Refusal(
            Code.INVALID_REQUEST, f"Invalid Request: a batch may have at most {most} calls"
        )
    return [read(each, at) for each in body]


async def answer(run: Run, asked: Envelope) -> Result:
    """Run what an envelope asks for; a refusal of the envelope itself is its answer."""
    if isinstance(asked.asked, Refusal):
        return Failure.of(asked.asked)
    return await run(asked.asked)


async def answer_all(run: Run, batch: Sequence[Envelope], at_once: int) -> list[Result]:
    """Run a batch, so many calls at a time; a result for each, in their order."""
    turns = asyncio.Semaphore(at_once)

    async def take_turn(asked: Envelope) -> Result:
        async with turns:
            return await answer(run, asked)

    return await asyncio.gather(*(take_turn(asked) for asked in batch))


def documents(
    batch: Sequence[Envelope], results: Sequence[Result], spelling: Spelling
) -> list[dict[str, Any]]:
    """The answers of a batch to those who wait for one."""
    return [
        envelope.document(result, asked.members, spelling)
        for asked, result in zip(batch, results, strict=True)
        if not asked.is_notification
    ]
