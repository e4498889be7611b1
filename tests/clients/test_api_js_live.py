"""api.js in Node, over WebSocket: calls and events."""

import pytest

from tests.clients.javascript import Script


async def test_calls_wait_for_the_connection(live: Script) -> None:
    """A call made before the connection is open is made as soon as it is."""
    code = """
        const before = api.isConnected;
        const { status } = await api.call("session/read");
        return [before, status, api.isConnected];
    """
    assert await live(code) == [False, 200, True]


async def test_answers_as_over_http(live: Script) -> None:
    """A call answers the same whichever way it is made, refusals too."""
    code = """
        const calls = [["session/read"], ["api-tokens/create", 42], ["no/such"], ["users/read"]];
        const all = client => Promise.all(calls.map(call => client.call(...call)));
        return [await all(api), await all(http)];
    """
    over_websocket, over_http = await live(code)
    assert over_websocket == over_http
    assert [each["status"] for each in over_http] == [200, -32808, -32809, 200]


async def test_a_url_of_websocket_asks_for_one(live: Script) -> None:
    """A URL of ws: keeps a connection open without being told to."""
    code = """
        const other = new Api(url.replace("http", "ws"), { token });
        return [other.isPersistent, (await other.call("session/read")).status];
    """
    assert await live(code) == [True, 200]


async def test_quick_calls_overtake_slow_ones(live: Script) -> None:
    """Answers find their calls in whatever order they come."""
    code = """
        const { data } = await api.call("api-tokens/create", "slow");
        await ask("hold", data.id);
        const order = [];
        const slow = api.call("api-tokens/update", data.id, { name: "slower" });
        await Promise.race([
            slow.then(({ data }) => order.push(data.name)),
            api.call("session/read").then(({ data }) => order.push(data.user.name)),
        ]);
        await ask("release");
        await slow;
        return order;
    """
    assert await live(code) == ["root", "slower"]


async def test_an_aborted_call_is_given_up(live: Script) -> None:
    """An aborted call says so at once, and the service is told which it was."""
    code = """
        const { data } = await api.call("api-tokens/create", "aborted");
        await ask("hold", data.id);
        const abort = new AbortController();
        const call = { method: "api-tokens/update", args: [data.id, { name: "changed" }] };
        const called = api.call({ ...call, signal: abort.signal });
        abort.abort();
        const { status } = await called;
        await ask("release");
        const [asked, told] = sent.slice(-2);
        const { ok } = await api.call("session/read");
        return [status, told.method, told.params[0] === asked.id, ok];
    """
    assert await live(code) == [-32817, "/abort", True, True]


async def test_a_call_aborted_before_the_connection_is_open_is_not_made(live: Script) -> None:
    """What was aborted while it waited for the connection is never sent."""
    code = """
        const abort = new AbortController();
        const call = { method: "api-tokens/create", args: ["never"], signal: abort.signal };
        const called = api.call(call);
        abort.abort();
        await api.call("session/read");
        return [(await called).status, sent.map(({ method }) => method)];
    """
    assert await live(code) == [-32817, ["/v1/session/read"]]


async def test_a_void_call_has_no_answer(live: Script) -> None:
    """A call whose result is not wanted is made, and asks for no answer."""
    code = """
        const result = await api.call({ method: "api-tokens/create", args: ["void"], void: true });
        await until(async () => {
            const { data } = await api.call("api-tokens/read", { where: { name: "void" } });
            return data.length === 1;
        });
        return [result === undefined, "id" in sent[0]];
    """
    assert await live(code) == [True, False]


async def test_a_call_may_go_by_http(live: Script) -> None:
    """A call says by itself that it is not to be made over the WebSocket."""
    code = """
        const { status } = await api.call({ method: "session/read", http: true });
        return [status, sent];
    """
    assert await live(code) == [200, []]


async def test_hears_of_changes(live: Script) -> None:
    """A listener is told what others do with the user's tokens."""
    code = """
        const heard = [];
        api.on("api-tokens/change", change => heard.push(change));
        await api.call("session/read");
        const { data } = await http.call("api-tokens/create", "change");
        await http.call("api-tokens/delete", data.id);
        await until(() => heard.length === 2);
        return heard.map(({ id, action }) => [id === data.id, action]);
    """
    assert await live(code) == [[True, "create"], [True, "delete"]]


async def test_subscribes_once_for_all_listeners(live: Script) -> None:
    """The first listener subscribes, and the last one to go unsubscribes."""
    code = """
        const [one, two] = [() => {}, () => {}];
        await api.call("session/read");
        api.on("api-tokens/change", one).on("api-tokens/change", two);
        api.off("api-tokens/change", one).off("api-tokens/change", two);
        return sent.slice(1).map(({ method, params }) => [method, ...params]);
    """
    name = ["api-tokens/change"]
    assert await live(code) == [["/subscribe", name], ["/unsubscribe", name]]


async def test_a_listener_that_is_off_hears_nothing(live: Script) -> None:
    """Who no longer listens is not told, while others are."""
    code = """
        const heard = [];
        const gone = () => heard.push("gone");
        api.on("api-tokens/change", gone).on("api-tokens/change", () => heard.push("there"));
        api.off("api-tokens/change", gone);
        await api.call("api-tokens/create", "unheard");
        await until(() => heard.length);
        return heard;
    """
    assert await live(code) == ["there"]


async def test_a_listener_may_take_others_off(live: Script) -> None:
    """Who was taken off by a listener that was told before is not told any more."""
    code = """
        const heard = [];
        const last = () => heard.push("last");
        api.on("api-tokens/change", () => heard.push("first"));
        api.on("api-tokens/change", () => api.off("api-tokens/change", last));
        api.on("api-tokens/change", last);
        await api.call("api-tokens/create", "off");
        await until(() => heard.length);
        return heard;
    """
    assert await live(code) == ["first"]


async def test_once_hears_one_event(live: Script) -> None:
    """A listener for once is told of the first event only."""
    code = """
        const heard = [];
        api.once("api-tokens/change", () => heard.push("once"));
        api.on("api-tokens/change", () => heard.push("always"));
        await api.call("api-tokens/create", "one");
        await api.call("api-tokens/create", "two");
        await until(() => heard.length >= 3);
        return heard;
    """
    assert await live(code) == ["once", "always", "always"]


@pytest.mark.parametrize(
    ("deed", "event"),
    [
        ('"api-tokens/set-enabled", data.id, false', "sessionDisable"),
        ('"api-tokens/delete", data.id', "sessionDelete"),
    ],
)
async def test_hears_that_its_token_is_no_longer_good(live: Script, deed: str, event: str) -> None:
    """Listeners are told when the token is disabled or deleted, without asking."""
    code = f"""
        const {{ data }} = await http.call("api-tokens/create", "short-lived");
        api.token = data.token;
        await api.call("session/read");
        const heard = next("{event}");
        await http.call({deed});
        return heard;
    """
    assert await live(code) == []
