"""What frames may hold: calls, notifications, batches, and what is none of them."""

from typing import Any, Final

import orjson
import pytest
from aiohttp import WSMsgType

from tests.methods.support import Sql, signed_in
from tests.people import PASSWORD, person
from tests.support import Api, until
from tests.wire.websocket.raw import CONTINUATION, TEXT, frame, raw
from tests.wire.websocket.support import CHANGE, Connect, Place

READ: Final = "/v1/session/read"
CREATE: Final = "/v1/api-tokens/create"
MEGABYTE: Final = 1024 * 1024


def call(**members: Any) -> dict[str, Any]:
    """A call that goes well, with other members or more."""
    return {"jsonrpc": "2.0", "method": READ, "id": 7, **members}


def without_id(**members: Any) -> dict[str, Any]:
    """The same as a notification."""
    found = call(**members)
    del found["id"]
    return found


def codes(answers: Any) -> list[tuple[Any, int | None]]:
    """Each answer's id and the code it is refused with, or None; of a batch, by id."""
    found = [(one["id"], one.get("error", {}).get("code")) for one in _listed(answers)]
    return sorted(found, key=str)


def _listed(answers: Any) -> list[Any]:
    return answers if isinstance(answers, list) else [answers]


ANSWERED: Final[dict[str, tuple[Any, list[tuple[Any, int | None]]]]] = {
    "a call": (call(), [(7, None)]),
    "an unknown member": (call(signal={}, extra=[1]), [(7, None)]),
    "no slash": (call(method=READ[1:]), [(7, None)]),
    "no arguments": (call(params=None), [(7, None)]),
    "arguments by name": (call(method="/v1/api-tokens/read", params={"options": {}}), [(7, None)]),
    "an id of null": (call(id=None), [(None, None)]),
    "a fraction as id": (call(id=1.5), [(1.5, None)]),
    "text as id": (call(id="ä🎈"), [("ä🎈", None)]),
    "an object as id": (call(id={"a": 1}), [(None, -32807)]),
    "a list as id": (call(id=[1]), [(None, -32807)]),
    "true as id": (call(id=True), [(None, -32807)]),
    "a number as method": (call(method=1), [(7, -32807)]),
    "no method": ({"jsonrpc": "2.0", "id": 7}, [(7, -32807)]),
    "text as arguments": (call(params="x"), [(7, -32807)]),
    "a number as arguments": (call(params=1), [(7, -32807)]),
    "another version": (call(jsonrpc="1.0"), [(None, -32807)]),
    "no version": ({"method": READ, "id": 7}, [(None, -32807)]),
    "an unknown method": (call(method="/v1/nothing"), [(7, -32809)]),
    "a wrong argument": (call(method=CREATE, params=[1]), [(7, -32808)]),
    "an unknown name": (call(method=CREATE, params={"x": 1}), [(7, -32808)]),
    "an empty object": ({}, [(None, -32807)]),
    "text": ("x", [(None, -32807)]),
    "a number": (1, [(None, -32807)]),
    "null": (None, [(None, -32807)]),
    "an empty batch": ([], [(None, -32600)]),
    "a batch of 101": ([call()] * 101, [(None, -32600)]),
    "a batch of 100": ([call(method="/v1/nothing")] * 100, [(7, -32809)] * 100),
    "a mixed batch": (
        [call(id=1), call(id=2, method="/v1/nothing"), without_id(), 3, call(id=4, params="x")],
        [(1, None), (2, -32809), (4, -32807), (None, -32807)],
    ),
    "one id twice in a batch": ([call(), call()], [(7, None), (7, None)]),
    "a batch in a batch": ([[call()]], [(None, -32807)]),
    "a subscription with an id": (call(method="/subscribe", params=[[CHANGE]]), [(7, None)]),
    "an end of one": (call(method="/unsubscribe", params=[[CHANGE]]), [(7, None)]),
    "an event of the client's": (call(method="/publish", params=["x", 1]), [(7, None)]),
    "an abort": (call(method="/abort", params=[1]), [(7, None)]),
    "a connection's own in a batch": ([call(method="/abort", params=[8])], [(7, None)]),
}


@pytest.mark.parametrize(("body", "expected"), ANSWERED.values(), ids=ANSWERED)
async def test_is_answered(
    shared: Api, shared_connect: Connect, body: Any, expected: list[Any]
) -> None:
    """One answer for each call, with its id, and the connection goes on."""
    peer = await shared_connect(shared.token)
    await peer.send(body)
    assert codes(await peer.receive()) == sorted(expected, key=str)
    assert await peer.code() is None


IGNORED: Final[dict[str, Any]] = {
    "not JSON": b"name=ci",
    "nothing": b"",
    "truncated": b'{"jsonrpc":"2.0","method":',
    "two values": orjson.dumps(call()) * 2,
    "not UTF-8": b'{"jsonrpc":"2.0","method":"/v1/session/read","id":"\xff"}',
    "a lone surrogate": rb'{"jsonrpc":"2.0","method":"/v1/session/read","id":"\ud800"}',
    "NaN": b'{"jsonrpc":"2.0","method":"/v1/session/read","id":NaN}',
    "100,000 nested brackets": b"[" * 100_000 + b"]" * 100_000,
    "100,000 brackets that never close": b'{"a":' * 100_000,
    "an answer": {"jsonrpc": "2.0", "result": {"status": 200}, "id": 7},
    "an error": {"jsonrpc": "2.0", "error": {"code": 1, "message": ""}, "id": 7},
    "a refused notification": without_id(method="/v1/nothing"),
    "a notification of null": without_id(params=None),
    "a batch of notifications": [without_id(), without_id(method="/v1/nothing")],
    "a subscription": without_id(method="/subscribe", params=[[CHANGE]]),
    "a subscription without the slash": without_id(method="subscribe", params=[[CHANGE]]),
    "a subscription to junk": without_id(method="/subscribe", params=[["x", 1, None, {}, "y" * 9]]),
    "a subscription to text": without_id(method="/subscribe", params=["x"]),
    "a subscription by name": without_id(method="/subscribe", params={"x": []}),
    "a subscription to nothing": without_id(method="/subscribe"),
    "an end of what never began": without_id(method="/unsubscribe", params=[["x"], 1]),
    "an event of the client's": without_id(method="/publish", params=["x"]),
    "an abort of what is not there": without_id(method="/abort", params=[9]),
    "an abort of an object": without_id(method="/abort", params=[{"a": []}]),
    "an abort of nothing": without_id(method="/abort"),
    "an abort by name": without_id(method="/abort", params={"id": 7}),
    "a question for the schema without an id": without_id(method="/schema"),
}


@pytest.mark.parametrize("body", IGNORED.values(), ids=IGNORED)
async def test_is_not_answered(shared: Api, shared_connect: Connect, body: Any) -> None:
    """What is no call, or waits for no answer, gets none, and the connection goes on."""
    peer = await shared_connect(shared.token)
    await peer.send(body)
    for call_id in (1, 2):
        await peer.begin("session/read")
        assert codes(await peer.receive()) == [(call_id, None)]


async def test_binary_frames_are_ignored(shared: Api, shared_connect: Connect) -> None:
    """Even one that holds a call."""
    peer = await shared_connect(shared.token)
    await peer.websocket.send_frame(orjson.dumps(call()), WSMsgType.BINARY)
    await peer.begin("session/read")
    assert codes(await peer.receive()) == [(1, None)]


async def test_a_ping_is_answered(shared_place: Place) -> None:
    """With what it held."""
    async with raw(shared_place.url, None) as client:
        client.send(0x9, b"are you there")
        assert await client.receive() == (0xA, b"are you there")


async def test_a_call_may_come_in_fragments(shared: Api, shared_place: Place) -> None:
    """With a ping between them, and one of them empty."""
    body = orjson.dumps(call())
    async with raw(shared_place.url, shared.token) as client:
        client.send(TEXT, body[:5], final=False)
        client.send(0x9)
        client.send(CONTINUATION, b"", final=False)
        client.send(CONTINUATION, body[5:])
        assert await client.receive() == (0xA, b"")
        opcode, answer = await client.receive()
        assert (opcode, codes(orjson.loads(answer))) == (TEXT, [(7, None)])


@pytest.mark.parametrize("pieces", [1, 4], ids=["at once", "in fragments"])
async def test_a_frame_may_be_as_long_as_a_body(
    shared: Api, shared_place: Place, pieces: int
) -> None:
    """The same bytes that HTTP takes."""
    body = orjson.dumps(call())
    body += b" " * (MEGABYTE - len(body))
    step = MEGABYTE // pieces
    async with raw(shared_place.url, shared.token) as client:
        for start in range(0, MEGABYTE, step):
            kind = CONTINUATION if start else TEXT
            client.send(kind, body[start : start + step], final=start + step == MEGABYTE)
            await client.writer.drain()
        _, answer = await client.receive()
        assert codes(orjson.loads(answer)) == [(7, None)]


@pytest.mark.parametrize("size", [MEGABYTE + 1, 10 * MEGABYTE])
async def test_a_longer_frame_ends_the_connection(
    shared: Api, shared_place: Place, shared_connect: Connect, size: int
) -> None:
    """1009 as soon as its length is known; nobody else notices."""
    other = await shared_connect(shared.token)
    async with raw(shared_place.url, shared.token) as client:
        client.writer.write(frame(TEXT, b" " * size)[:20])
        assert await client.close_code() == 1009
    assert await other.code() is None


async def test_a_long_frame_is_not_kept(shared: Api, shared_place: Place) -> None:
    """Who sends ten megabytes all the same is cut off in the middle of them."""
    async with raw(shared_place.url, shared.token) as client:
        client.send(TEXT, b" " * 10 * MEGABYTE)
        assert await client.close_code() == 1009
        await until(shared_place.is_quiet)


async def test_fragments_may_not_be_longer_together(shared: Api, shared_place: Place) -> None:
    """1009 as soon as they are, though each is short."""
    async with raw(shared_place.url, shared.token) as client:
        client.send(TEXT, b" " * (MEGABYTE // 2), final=False)
        client.send(CONTINUATION, b" " * (MEGABYTE // 2), final=False)
        client.send(CONTINUATION, b" ", final=False)
        assert await client.close_code() == 1009


BROKEN: Final[dict[str, tuple[bytes, int]]] = {
    "a reserved bit": (b"\xc1\x80\0\0\0\0", 1002),
    "an unknown opcode": (b"\x83\x80\0\0\0\0", 1002),
    "a long ping": (b"\x89\xfe\x00\x7e\0\0\0\0", 1002),
    "a ping in fragments": (b"\x09\x80\0\0\0\0", 1002),
    "a continuation of nothing": (b"\x80\x80\0\0\0\0", 1002),
    "a length of 2^63": (b"\x81\xff\x80" + b"\0" * 11, 1009),
    "a length of 1 GB": (b"\x81\xff\0\0\0\0\x40\0\0\0" + b"\0" * 4, 1009),
    "a bad close code": (b"\x88\x82\0\0\0\0\x00\x01", 1002),
}


@pytest.mark.parametrize(("junk", "code"), BROKEN.values(), ids=BROKEN)
async def test_a_broken_frame_ends_the_connection(
    shared: Api, shared_place: Place, junk: bytes, code: int
) -> None:
    """With the code that RFC 6455 has for it; what is cut off in mid-frame cannot go on."""
    async with raw(shared_place.url, shared.token) as client:
        client.writer.write(junk)
        assert await client.close_code() == code


async def test_a_notification_runs(root: Api, connect: Connect) -> None:
    """It is carried out, though nobody is told."""
    peer = await connect(root.token)
    await peer.subscribe()
    await peer.tell("api-tokens/create", "quiet")
    await peer.event()
    assert [row["name"] for row in await root("api-tokens/read")] == ["quiet", "root"]


async def test_the_schema_may_be_asked_for(shared_connect: Connect) -> None:
    """By anybody, as over HTTP."""
    peer = await shared_connect()
    document = await peer.data("/schema")
    assert document["openrpc"].startswith("1.3")


async def test_the_schema_is_not_for_batches(connect: Connect) -> None:
    """A few bytes that ask for it a hundred times would be answered with megabytes."""
    peer = await connect()
    await peer.send([{"jsonrpc": "2.0", "method": "/schema", "id": n} for n in range(100)])
    answers = await peer.receive()
    assert {answer["error"]["code"] for answer in answers} == {400}


async def test_a_surprise_in_a_notice_is_an_answer(
    root: Api, connect: Connect, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection goes on, and the log says more than the client learns."""
    await person(root)
    session = await signed_in(root, "alice", PASSWORD)  # which is looked for with every call
    peer = await connect(session.token)
    await peer.call("session/read")
    await sql.execute("alter table sessions rename to lost")
    answer = await peer.call("/subscribe", ["api-tokens/change"])
    assert (answer["error"]["code"], answer["error"]["data"]["exception"]) == (500, True)
    assert "lost" not in str(answer)
    assert "/subscribe failed" in caplog.text
    await sql.execute("alter table lost rename to sessions")
    assert await peer.code() is None
