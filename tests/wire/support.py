"""Steps of tests of /rpc: calls to send, and what is told of them."""

from typing import Any, Final

import orjson
from multidict import CIMultiDict, CIMultiDictProxy

from app.dispatcher import Dispatcher
from app.wire import rpc
from app.wire.http import Answer, Received
from tests.support import Api

CREATE: Final = "v1/api-tokens/create"
READ: Final = "v1/api-tokens/read"
LIMIT: Final = 100


def received(
    body: Any = b"", verb: str = "POST", content_type: str | None = "application/json", **more: str
) -> Received:
    """A request at /rpc; `more` are headers."""
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    if content_type is not None:
        headers["Content-Type"] = content_type
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return Received(verb, "/rpc", CIMultiDictProxy(CIMultiDict(headers)), raw)


async def answer_to(dispatcher: Dispatcher, arrived: Received, limit: int = LIMIT) -> Answer:
    """What the wire answers."""
    return await rpc.answer(dispatcher, arrived, "r-1", limit)


async def post(api: Api, body: Any, **headers: str) -> Answer:
    """The answer to a body, sent with the API's token."""
    shown = {"Authorization": f"Bearer {api.token}"} if api.token else {}
    return await answer_to(api.services.dispatcher, received(body, **shown, **headers))


async def told(api: Api, body: Any, **headers: str) -> Any:
    """The document that answers a body; HTTP has nothing to say about it."""
    answered = await post(api, body, **headers)
    assert answered.status == 200
    return orjson.loads(answered.body)


def call(method: str, params: Any = None, **members: Any) -> dict[str, Any]:
    """An envelope; without an id it is a notification."""
    given = {} if params is None else {"params": params}
    return {"jsonrpc": "2.0", "method": method, **given, **members}


def error(document: dict[str, Any]) -> tuple[Any, int, str]:
    """The id, the code and the text of an error, which has no result beside it."""
    assert document.keys() == {"jsonrpc", "id", "error"}
    return document["id"], document["error"]["code"], document["error"]["message"]


def code(document: dict[str, Any]) -> tuple[Any, int]:
    """The id and the code of an error."""
    return error(document)[:2]


async def names(api: Api) -> list[str]:
    """The tokens there are, but for the one that calls."""
    return [row["name"] for row in await api("api-tokens/read") if row["name"] != "root"]
