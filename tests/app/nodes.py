"""For tests with several server processes on one database: calls to each of them over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import orjson

from app.errors import Code
from tests.people import PASSWORD
from tests.support import KEY, Server, running_server


@dataclass(frozen=True)
class Node:
    """A server process, and a client that calls it with one credential."""

    server: Server
    http: aiohttp.ClientSession
    token: str

    async def answer(self, method: str, *arguments: Any) -> tuple[Any, Mapping[str, Any]]:
        """The data of a call that goes well, and what is said about it."""
        status, answer = await self._post(method, arguments)
        assert status == 200, answer
        result = answer["result"]
        return result.get("data"), result.get("meta", {})

    async def __call__(self, method: str, *arguments: Any) -> Any:
        """The data alone."""
        return (await self.answer(method, *arguments))[0]

    async def code(self, token: str) -> str:
        """What verifying a token for reading comes to, or with which code the call is refused."""
        given = [token, {"permissions": ["read"]}]
        status, answer = await self._post("api-tokens/verify", given)
        if status == 200:
            return str(answer["result"]["data"]["code"])
        return Code(answer["error"]["code"]).name

    def bearing(self, token: str) -> "Node":
        """The same with another credential."""
        return replace(self, token=token)

    async def signed_in(self, name: str, password: str) -> "Node":
        """The same for a person who has just signed in."""
        session = await self("session/sign-in", name, password)
        return self.bearing(session["token"])

    async def _post(self, method: str, arguments: Sequence[Any]) -> tuple[int, Any]:
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        url = f"{self.server.url}/v1/{method}"
        async with self.http.post(url, data=orjson.dumps(arguments), headers=headers) as response:
            return response.status, orjson.loads(await response.read())


async def new_token(root: Node, user_name: str) -> dict[str, str]:
    """A token of a new user, with their id."""
    user = await root("users/create", user_name)
    await root("users/set-password", user["id"], PASSWORD)
    person = await root.signed_in(user_name, PASSWORD)
    made = await person("api-tokens/create", "ci", {"permissions": {"read": True}})
    return {"token": made["token"], "id": made["id"], "user_id": user["id"]}


@asynccontextmanager
async def running_nodes(data_dir: str, *urls: str) -> AsyncIterator[list[Node]]:
    """A server process for each of these ways to one new database; root's token calls them."""
    options = ["--data-dir", data_dir, "--password-memory", "32"]
    environment = {"API_TOKENS_KEY": KEY}
    async with AsyncExitStack() as stack:
        starting = [
            running_server(*options, "--database-url", url, environment=environment) for url in urls
        ]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(stack.enter_async_context(each)) for each in starting]
        servers = [task.result() for task in tasks]
        http = await stack.enter_async_context(aiohttp.ClientSession())
        [first] = [server for server in servers if " token " in server.said()]
        yield [Node(server, http, first.root_token) for server in servers]
