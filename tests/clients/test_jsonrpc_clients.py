"""Public clients of JSON-RPC 2.0, unmodified: npm's `jayson`, `@open-rpc/client-js`; `pjrpc`."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientSession
from pjrpc import Request
from pjrpc.client import JsonRpcError
from pjrpc.client.backend.aiohttp import Client
from pjrpc.client.validators import async_validate_response_id_middleware
from pjrpc.common import BatchRequest

from tests.clients.npm import conversation, installed
from tests.support import MISSING_ID, Server

CREATE = "v1/api-tokens/create"
READ = "/v1/api-tokens/read"


@pytest.fixture(scope="session")
async def clients() -> Path:
    """The folder of the installed clients."""
    return await installed(Path(__file__).parent / "jsonrpc")


@pytest.mark.parametrize(
    ("scenario", "last"),
    [("jayson", "webSocketClosesWell"), ("open-rpc", "nobodyWasSurprised")],
)
async def test_whole_scenario(server: Server, clients: Path, scenario: str, last: str) -> None:
    """Calls, batches and refusals over HTTP and WebSocket are what the client expects."""
    environment = {"API_URL": server.url, "API_TOKEN": server.root_token}
    told = await conversation(clients / f"{scenario}.mjs", environment)
    assert told["failed"] is None
    assert told["passed"][-1] == last


@pytest.fixture
async def pjrpc(server: Server) -> AsyncIterator[Client]:
    """PyPI's client, with root's token; it checks the ids of answers."""
    headers = {"Authorization": f"Bearer {server.root_token}"}
    async with ClientSession(headers=headers) as session:
        yield Client(
            f"{server.url}/rpc",
            session=session,
            middlewares=[async_validate_response_id_middleware],
        )


async def called(pjrpc: Client, method: str, *arguments: Any, **by_name: Any) -> Any:
    """The result of a call."""
    return await pjrpc(method, *arguments, **by_name)


async def rows(pjrpc: Client, name: str) -> int:
    """How many tokens have this name."""
    listed = await called(pjrpc, READ, {"where": {"name": ["=", name]}})
    return int(listed["meta"]["rows"])


async def test_pjrpc_calls_by_position(pjrpc: Client) -> None:
    """The result is the envelope's object."""
    made = await called(pjrpc, CREATE, "by position", {"role": "read-only"})
    assert (made["status"], made["data"]["role"]) == (200, "read-only")


async def test_pjrpc_calls_by_name(pjrpc: Client) -> None:
    """Keyword arguments are the method's."""
    made = await called(pjrpc, CREATE, name="by name", options={"expires": "1d"})
    assert made["data"]["name"] == "by name"


async def test_pjrpc_notifies(pjrpc: Client) -> None:
    """The client raises if there is any answer; the call took place."""
    name = f"told {uuid4()}"
    await pjrpc.notify(CREATE, name)
    assert await rows(pjrpc, name) == 1


@pytest.mark.parametrize(
    ("method", "arguments", "code", "message"),
    [
        ("v1/nothing", [], -32601, "Method not found"),
        (CREATE, [42], -32602, "Invalid params"),
        (READ, [{"id": MISSING_ID}], 404, "Token not found"),
    ],
)
async def test_pjrpc_raises_refusals(
    pjrpc: Client, method: str, arguments: list[Any], code: int, message: str
) -> None:
    """With their code and text; HTTP itself went well, or the client would say otherwise."""
    with pytest.raises(JsonRpcError) as caught:
        await pjrpc(method, *arguments)
    assert (caught.value.code, caught.value.message) == (code, message)


async def test_pjrpc_sends_batches(pjrpc: Client) -> None:
    """Each call but the notification has its answer, good or bad."""
    name = f"told {uuid4()}"
    batch = BatchRequest(
        Request(READ, [{"limit": 1}], id=1),
        Request(CREATE, [name]),
        Request(CREATE, {"name": 42}, id="bad"),
    )
    answered = await pjrpc.send(batch)
    assert answered
    answers = {answer.id: answer for answer in answered}
    assert answers.keys() == {1, "bad"}
    listed: Any = answers[1].unwrap_result()
    assert listed["meta"]["rows"] == 1
    assert answers["bad"].unwrap_error().code == -32602
    assert await rows(pjrpc, name) == 1


async def test_pjrpc_sends_batches_of_notifications(pjrpc: Client) -> None:
    """Nothing comes back."""
    name = f"told {uuid4()}"
    assert await pjrpc.send(BatchRequest(Request(CREATE, [name]), Request(CREATE, [name]))) is None
    assert await rows(pjrpc, name) == 2


async def test_pjrpc_is_told_that_a_batch_is_too_long(pjrpc: Client) -> None:
    """One error stands for all of the batch."""
    too_long = BatchRequest(*(Request(READ, id=number) for number in range(101)))
    refused = await pjrpc.send(too_long)
    assert refused is not None
    assert refused.unwrap_error().code == -32600
