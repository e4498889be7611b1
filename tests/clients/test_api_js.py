"""api.js in Node, over HTTP, against a running server."""

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.clients.javascript import Script, run
from tests.support import Server


@pytest.fixture
def js(server: Server) -> Script:
    """Runs lines of JavaScript with a client by HTTP, `api`; answers what they return."""

    async def js(code: str, url: str = server.url) -> Any:
        client = "const api = new Api(`${url}/api/`, { token });"
        return await run(url, server.root_token, client + code)

    return js


@pytest.fixture
async def gateway() -> AsyncIterator[str]:
    """The URL of a server that is not ours, and speaks in words of its own."""

    async def answer(request: web.Request) -> web.Response:
        status = 502 if request.path.endswith("session/read") else 200
        return web.Response(status=status, text="<h1>Hello</h1>", content_type="text/html")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(application) as server:
        yield str(server.make_url("")).rstrip("/")


def unused_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


async def test_answers_a_result(js: Script) -> None:
    """A call that goes well answers its data, status 200 and what is told besides."""
    result = await js('return api.call("/v1/api-tokens/read", { limit: 1 });')
    [row] = result.pop("data")
    assert row.keys() >= {"id", "name"}
    assert result.pop("meta").keys() == {"rows", "next_page", "next_cursor"}
    assert result == {
        "ok": True,
        "error": False,
        "status": 200,
        "statusText": "OK",
        "isException": False,
    }


async def test_a_refusal_is_a_result(js: Script) -> None:
    """A refused call answers its code and text, and what is wrong with the arguments."""
    result = await js('return api.call("/v1/api-tokens/create", 42);')
    assert (result["ok"], result["status"]) == (False, -32808)
    assert result["statusText"] == "Arguments validation error"
    assert result["meta"]["errors"] == ['Value at "/0" must be string']


async def test_the_version_may_be_left_out(js: Script) -> None:
    """A method is known by its name without "/v1/" too."""
    assert (await js('return api.call("session/read");'))["data"]["user"]["name"] == "root"


async def test_takes_a_call_as_an_object(js: Script) -> None:
    """Name and arguments may come in one object."""
    result = await js('return api.call({ method: "api-tokens/create", args: ["object"] });')
    assert result["data"]["name"] == "object"


async def test_takes_the_token_from_the_url(js: Script) -> None:
    """A token may be the user's name in the URL."""
    code = 'return new Api(url.replace("//", `//${token}@`)).call("session/read");'
    assert (await js(code))["status"] == 200


async def test_calls_without_a_token(js: Script) -> None:
    """Who has no token calls as nobody."""
    result = await js('return new Api(url).call("session/read");')
    assert result["status"] == -32811


async def test_changing_methods_need_no_arguments(js: Script) -> None:
    """A method that changes something may be called without arguments."""
    result = await js('return api.call("session/sign-out");')
    assert result["statusText"] == "There is no session to sign out of"


async def test_another_token_counts_from_the_next_call_on(js: Script) -> None:
    """The token that is set is the one to call with."""
    code = """
        const { data } = await api.call("api-tokens/create", "another");
        api.token = data.token;
        return (await api.call("session/read")).data.api_token.name;
    """
    assert await js(code) == "another"


async def test_no_service_is_a_result(js: Script) -> None:
    """Where nobody listens a call has status 0, and says why."""
    result = await js('return api.call("session/read");', f"http://127.0.0.1:{unused_port()}")
    assert (result["ok"], result["status"]) == (False, 0)
    assert result["statusText"].startswith("No answer: ")
    assert "ECONNREFUSED" in result["statusText"]


async def test_a_gateways_answer_is_a_result(js: Script, gateway: str) -> None:
    """What somebody between us says is told by its HTTP status."""
    result = await js('return api.call("session/read");', gateway)
    assert (result["status"], result["statusText"]) == (502, "Bad Gateway")


async def test_an_answer_without_envelope_is_a_result(js: Script, gateway: str) -> None:
    """A success that is no answer to a call is not taken for one."""
    assert (await js('return api.call("users/read");', gateway))["status"] == -32807


async def test_a_call_may_be_aborted(js: Script) -> None:
    """An aborted call says so at once."""
    code = """
        const abort = new AbortController();
        const called = api.call({ method: "session/read", signal: abort.signal });
        abort.abort();
        return called;
    """
    assert (await js(code))["status"] == -32817


async def test_a_call_aborted_beforehand_is_not_made(js: Script) -> None:
    """What is aborted before it begins changes nothing."""
    code = """
        const call = { method: "api-tokens/create", args: ["aborted"] };
        const { status } = await api.call({ ...call, signal: AbortSignal.abort() });
        const { data } = await api.call("api-tokens/read", { where: { name: "aborted" } });
        return [status, data];
    """
    assert await js(code) == [-32817, []]


async def test_a_void_call_takes_effect(js: Script) -> None:
    """A call whose result is not wanted is made, and answers nothing."""
    code = """
        const result = await api.call({ method: "api-tokens/create", args: ["void"], void: true });
        const { data } = await api.call("api-tokens/read", { where: { name: "void" } });
        return [result === undefined, data.length];
    """
    assert await js(code) == [True, 1]


async def test_a_void_call_in_vain_throws_nothing(js: Script) -> None:
    """Nobody hears of a void call that could not be made."""
    url = f"http://127.0.0.1:{unused_port()}"
    code = """
        api.voidCall("session/read");
        return (await api.call({ method: "session/read", void: true })) === undefined;
    """
    assert await js(code, url) is True


async def test_tells_of_a_dead_token(js: Script) -> None:
    """Listeners hear when a call was refused for its token is deleted."""
    code = """
        const { data } = await api.call("api-tokens/create", "dead");
        await api.call("api-tokens/delete", data.id);
        api.token = data.token;
        const heard = new Promise(resolve => api.on("sessionDelete", () => resolve("heard")));
        const { status } = await api.call("session/read");
        return [status, await heard];
    """
    assert await js(code) == [-32815, "heard"]


async def test_what_a_listener_throws_is_not_the_calls_affair(js: Script) -> None:
    """A listener's error is uncaught, while the call and other listeners go on."""
    code = """
        const uncaught = new Promise(resolve => process.once("uncaughtException", resolve));
        const heard = new Promise(resolve => {
            api.on("sessionDelete", () => { throw new Error("mine"); });
            api.on("sessionDelete", () => resolve("heard"));
        });
        api.token = `${token.slice(0, -1)}-`;
        const { status } = await api.call("session/read");
        return [status, await heard, (await uncaught).message];
    """
    assert await js(code) == [-32815, "heard", "mine"]
