"""api.js in a real browser: within pages of the service's own, and of others."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Error, Page

from tests.browser import run
from tests.support import ROOT, Server, database_of, made_database, running_server

CLIENT: Final = ROOT / "app" / "console" / "api.js"
BY: Final = pytest.mark.parametrize("persistent", [False, True], ids=["http", "websocket"])


@pytest.fixture(scope="module")
async def elsewhere() -> AsyncIterator[str]:
    """The origin of somebody else's pages, who have a copy of the client."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html>", content_type="text/html")

    async def copy(_request: web.Request) -> web.Response:
        return web.Response(text=CLIENT.read_text("utf-8"), content_type="text/javascript")

    application = web.Application()
    application.router.add_get("/", page)
    application.router.add_get("/api.js", copy)
    async with TestServer(application) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture(scope="module")
async def friendly(
    postgres: str, template: str, elsewhere: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """A server that lets those pages call, by either of their names."""
    origins = [elsewhere, elsewhere.replace("127.0.0.1", "localhost")]
    async with made_database(postgres, template) as name:
        data_dir = str(tmp_path_factory.mktemp("friendly"))
        options = ["--data-dir", data_dir, "--database-url", database_of(postgres, name)]
        flags = [word for origin in origins for word in ("--cors-origin", origin)]
        async with running_server(*options, *flags) as server:
            yield server


async def call(
    page: Page, server: Server, method: str, *args: Any, source: str = "", **options: Any
) -> Any:
    """What a call comes to within a page, with a client of the service or from another `source`."""
    code = """
        const { default: Api } = await import(source);
        const api = new Api(`${url}/api/`, options);
        const result = await api.call(method, ...args);
        api.close();
        return result;
    """
    given = {"source": source or f"{server.url}/api.js", "url": server.url}
    return await run(page, code, **given, options=options, method=method, args=args)


async def sign_in(page: Page, server: Server) -> None:
    """Go to a page of the service's own, and sign in."""
    await page.goto(f"{server.url}/health")
    result = await call(page, server, "session/sign-in", "root", server.root_password)
    assert result["ok"]


@BY
async def test_calls_with_the_cookie_after_signing_in(
    page: Page, server: Server, persistent: bool
) -> None:
    """In the service's own pages whoever has signed in needs no token, by HTTP or WebSocket."""
    await sign_in(page, server)
    result = await call(page, server, "session/read", persistent=persistent)
    assert result["status"] == 200
    assert result["data"]["session"] is not None


async def test_takes_a_path_for_an_address(page: Page, server: Server) -> None:
    """In the service's own pages an address needs no host."""
    await page.goto(f"{server.url}/health")
    code = """
        const { default: Api } = await import("/api.js");
        return (await new Api("/api/", { token }).call("session/read")).status;
    """
    assert await run(page, code, token=server.root_token) == 200


async def test_signs_in_on_an_open_connection(page: Page, server: Server) -> None:
    """A connection that was open before knows of the sign-in once it is opened anew."""
    await page.goto(f"{server.url}/health")
    code = """
        const { default: Api } = await import("/api.js");
        const api = new Api("/api/", { persistent: true });
        const before = await api.call("session/read");
        await api.call({ method: "session/sign-in", args: ["root", password], http: true });
        api.token = null;
        return [before.status, (await api.call("session/read")).status];
    """
    assert await run(page, code, password=server.root_password) == [-32811, 200]


async def test_a_token_goes_without_the_cookie(page: Page, server: Server) -> None:
    """Who has signed in may call with a token all the same."""
    await sign_in(page, server)
    result = await call(page, server, "session/read", token=server.root_token)
    assert result["data"]["session"] is None


@BY
async def test_named_origins_may_call(
    page: Page, friendly: Server, elsewhere: str, persistent: bool
) -> None:
    """Pages of an origin that the operator names take the client from the service, and call."""
    await page.goto(elsewhere)
    token = friendly.root_token
    result = await call(page, friendly, "session/read", token=token, persistent=persistent)
    assert result["data"]["user"]["name"] == "root"


async def test_each_named_origin_may_call(page: Page, friendly: Server, elsewhere: str) -> None:
    """Of several origins that the operator names each may call."""
    await page.goto(elsewhere.replace("127.0.0.1", "localhost"))
    result = await call(page, friendly, "session/read", token=friendly.root_token)
    assert result["status"] == 200


async def test_a_refusal_is_shown_to_named_origins(
    page: Page, friendly: Server, elsewhere: str
) -> None:
    """Their pages see why a call was refused."""
    await page.goto(elsewhere)
    result = await call(page, friendly, "api-tokens/create", 42, token=friendly.root_token)
    assert (result["status"], result["meta"]["errors"]) == (
        -32808,
        ['Value at "/0" must be string'],
    )


async def test_asks_once_whether_it_may_call(page: Page, friendly: Server, elsewhere: str) -> None:
    """The browser asks before the first call, and keeps the answer for the ones that follow."""
    await page.goto(elsewhere)
    verbs = []
    network = await page.context.new_cdp_session(page)
    network.on("Network.requestWillBeSent", lambda event: verbs.append(event["request"]["method"]))
    await network.send("Network.enable")
    for _ in range(2):
        result = await call(page, friendly, "session/read", token=friendly.root_token)
        assert result["ok"]
    assert sorted(verb for verb in verbs if verb != "GET") == ["OPTIONS", "POST", "POST"]


async def test_other_origins_get_no_client(page: Page, server: Server, elsewhere: str) -> None:
    """A page of an origin that is not named cannot take the client from the service."""
    await page.goto(elsewhere)
    with pytest.raises(Error, match="Failed to fetch dynamically imported module"):
        await call(page, server, "session/read", token=server.root_token)


async def test_other_origins_get_no_answer(page: Page, server: Server, elsewhere: str) -> None:
    """With a client of its own it is not shown any answer, and the call is not made."""
    await page.goto(elsewhere)
    copy, token = f"{elsewhere}/api.js", server.root_token
    result = await call(page, server, "api-tokens/create", "refused", source=copy, token=token)
    assert (result["ok"], result["status"]) == (False, 0)
    await page.goto(f"{server.url}/health")
    made = {"where": {"name": "refused"}}
    rows = await call(page, server, "api-tokens/read", made, token=server.root_token)
    assert rows["data"] == []


@BY
async def test_others_cannot_use_the_cookie(
    page: Page, friendly: Server, elsewhere: str, persistent: bool
) -> None:
    """A page from elsewhere, though named, calls as nobody, even if somebody has signed in here."""
    await sign_in(page, friendly)
    await page.goto(elsewhere)
    result = await call(page, friendly, "session/read", persistent=persistent)
    assert result["status"] == -32811
