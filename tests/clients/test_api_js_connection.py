"""api.js in Node: when its WebSocket is opened, lost, opened again and closed."""

import pytest

from tests.clients.javascript import Script


async def test_another_token_opens_another_connection(live: Script) -> None:
    """After the token was changed calls are made with it."""
    code = """
        const { data } = await api.call("api-tokens/create", "another");
        api.token = data.token;
        return (await api.call("session/read")).data.api_token.name;
    """
    assert await live(code) == "another"


async def test_calls_made_with_the_token_before_are_lost(live: Script) -> None:
    """A call that waits while the token is changed is not made as somebody else."""
    code = """
        const { data: other } = await http.call("api-tokens/create", "other");
        const changed = new Api(url, { token, persistent: true });
        const called = changed.call("api-tokens/create", "whose");
        changed.token = other.token;
        const { status, statusText } = await called;
        const { data } = await changed.call("api-tokens/read", { where: { name: "whose" } });
        return [status, statusText, data];
    """
    assert await live(code) == [0, "No answer: the connection was opened anew", []]


async def test_a_token_that_no_websocket_carries_is_refused(live: Script) -> None:
    """A token with a slash is refused before anything changes; over HTTP it works."""
    code = """
        const odd = "odd/token-of-one's-own";
        await http.call("api-tokens/create", "odd", { token: odd });
        const { status } = await new Api(url, { token: odd }).call("session/read");
        let refusal;
        try { api.token = odd; } catch (error) { refusal = error; }
        return [status, refusal.name, api.token === token, (await api.call("session/read")).status];
    """
    assert await live(code) == [200, "TypeError", True, 200]


async def test_a_closed_client_calls_no_more(live: Script) -> None:
    """After it was closed calls come to nothing, and it is not opened again."""
    code = """
        await api.call("session/read");
        const told = next("disconnect");
        api.close();
        const { status, statusText } = await api.call("session/read");
        await told;
        api.token = null;
        return [status, statusText, api.isConnected];
    """
    assert await live(code) == [0, "No answer: the connection is closed", False]


async def test_a_call_in_flight_when_the_connection_breaks_comes_to_nothing(live: Script) -> None:
    """A call whose answer cannot come any more says so, and is not made again."""
    code = """
        const { data } = await api.call("api-tokens/create", "in flight");
        await ask("hold", data.id);
        const called = api.call("api-tokens/update", data.id, { name: "changed" });
        const told = next("disconnect");
        await ask("kill");
        const result = await called;
        await ask("release");
        await ask("start");
        await api.call("session/read");
        const updates = sent.filter(({ method }) => method === "/v1/api-tokens/update");
        const [why] = await told;
        return [result.status, result.statusText, why.statusText, updates.length];
    """
    broke = "No answer: the connection broke (1006)"
    assert await live(code) == [0, broke, broke, 1]


async def test_connects_again_and_goes_on_listening(live: Script) -> None:
    """After a restart of the service the client is there again by itself, subscriptions too."""
    code = """
        const heard = [];
        api.on("api-tokens/change", ({ action }) => heard.push(action));
        await next("connect");
        const [gone, back] = [next("disconnect"), next("connect")];
        await ask("stop");
        const [why] = await gone;
        await ask("start");
        await back;
        await api.call("session/read"); // the subscription stands before it
        await http.call("api-tokens/create", "after");
        await until(() => heard.includes("create"));
        return why.statusText;
    """
    assert await live(code) == "No answer: the connection broke (1001)"


async def test_calls_come_to_nothing_while_the_service_is_away(live: Script) -> None:
    """A call waits for the next attempt to connect, and fails with it."""
    code = """
        await api.call("session/read");
        const gone = next("disconnect");
        await ask("kill");
        await gone;
        const { status } = await api.call("session/read");
        await ask("start");
        return status;
    """
    assert await live(code) == 0


@pytest.mark.parametrize(
    ("chance", "delays"),
    [
        (0, [500] * 9),
        (1, [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000]),
    ],
)
async def test_attempts_become_rarer(live: Script, chance: int, delays: list[int]) -> None:
    """In vain it tries again after a random time, from half a second up to half a minute."""
    code = f"""
        api.close();
        Math.random = () => {chance};
        const [delays, wait] = [[], setTimeout];
        globalThis.setTimeout = (run, delay) => wait(run, delays.push(delay) && 0);
        const away = new Api("ws://127.0.0.1:9", {{ token }});
        await new Promise(resolve => {{
            const look = () => delays.length > 8 ? resolve() : wait(look, 1);
            look();
        }});
        away.close();
        return delays.slice(0, 9);
    """
    assert await live(code) == delays


async def test_a_connection_that_died_silently_is_noticed(live: Script) -> None:
    """Who says nothing for long is asked, and left if no answer comes; calls in flight end then."""
    code = """
        const slowly = setTimeout;
        globalThis.setTimeout = (call, milliseconds) => slowly(call, milliseconds / 50);
        await api.call("session/read");
        const gone = next("disconnect");
        await ask("freeze");
        const called = api.call("session/read");
        const [why] = await gone;
        await ask("thaw");
        await until(async () => (await api.call("session/read")).ok);
        return [why.statusText, (await called).status];
    """
    assert await live(code) == ["No answer: the connection broke (silent)", 0]


async def test_a_quiet_connection_that_lives_is_kept(live: Script) -> None:
    """It is asked for a sign of life, and answers."""
    code = """
        const slowly = setTimeout;
        // Silence is short, the patience with an answer as long as ever.
        globalThis.setTimeout = (call, milliseconds) =>
            slowly(call, milliseconds === 30_000 ? 300 : milliseconds);
        await api.call("session/read");
        let isGone = false;
        api.on("disconnect", () => { isGone = true; });
        await until(() => sent.filter(({ id }) => id === 0).length >= 3);
        return [isGone, (await api.call("session/read")).status];
    """
    assert await live(code) == [False, 200]


@pytest.mark.parametrize("argument", ['"\\ud800"', '"a\\\\\\udfff"', "10n"])
async def test_what_cannot_be_sent_is_a_result(live: Script, argument: str) -> None:
    """Half characters, which the service would ignore, and what is no JSON, on either wire."""
    code = f"""
        const results = [await api.call("api-tokens/create", {argument}),
                         await http.call("api-tokens/create", {argument})];
        api.voidCall("api-tokens/create", {argument});
        return results.map(({{ status }}) => status);
    """
    assert await live(code) == [-32807, -32807]


async def test_a_backslash_before_a_u_is_fine(live: Script) -> None:
    """Text that only looks like an escaped half character is sent."""
    code = 'return (await api.call("api-tokens/create", String.raw`a\\ud800`)).data.name;'
    assert await live(code) == "a\\ud800"
