"""A session's secret over HTTP: as a cookie, where that counts, and as any other credential."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from asyncpg import Connection, Record

from app.services import Services
from app.token_format import SESSION_PREFIX, make
from app.wire.cookies import NAME
from tests.people import PASSWORD, SIGN_IN, Client, code_of, http_client, person, secret_of, sign_in
from tests.support import Api

SIGN_OUT: Final = "/v1/session/sign-out"
READ: Final = "/v1/session/read"
OWN_PAGE: Final = {"Sec-Fetch-Site": "same-origin"}
FORGET: Final = f"{NAME}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"


@pytest.fixture
async def http(services: Services, root: Api) -> AsyncIterator[Client]:
    """An HTTP client of a service with a person alice."""
    await person(root)
    async with http_client(services) as client:
        yield client


def cookie(secret: str) -> dict[str, str]:
    """The header with which a browser sends a session."""
    return {"Cookie": f"{NAME}={secret}"}


async def test_sets_a_cookie(http: Client) -> None:
    """A browser gets the secret as a cookie that no script can read."""
    response = await sign_in(http)
    [given] = response.headers.getall("Set-Cookie")
    kept = f"{NAME}={await secret_of(response)}; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict"
    assert (response.status, given) == (200, kept)


async def test_the_cookie_is_secure_under_https(http: Client) -> None:
    """A page that was loaded over TLS gets one that is never sent in the clear."""
    response = await sign_in(http, Origin="https://tokens.example")
    assert response.headers["Set-Cookie"].endswith("; SameSite=Strict; Secure")


@pytest.mark.parametrize("verb", ["GET", "POST"])
@pytest.mark.parametrize("place", ["Authorization", "X-API-Key", "Cookie", "all of them"])
async def test_the_secret_works_in_each_place(http: Client, verb: str, place: str) -> None:
    """As a browser sends it, and as every other client does."""
    secret = await secret_of(await sign_in(http))
    places = {
        "Authorization": f"Bearer {secret}",
        "X-API-Key": secret,
        "Cookie": f"theme=dark; {NAME}={secret}",
    }
    shown = places if place == "all of them" else {place: places[place]}
    response = await http.request(verb, READ, headers={**shown, **OWN_PAGE})
    assert (await response.json())["result"]["data"]["user"]["name"] == "alice"
    assert "Set-Cookie" not in response.headers


async def test_an_origin_will_do_where_there_is_no_fetch_metadata(http: Client) -> None:
    """Browsers leave that out without TLS, and older ones altogether."""
    secret = await secret_of(await sign_in(http))
    origin = str(http.make_url("/")).rstrip("/")
    response = await http.post(READ, headers={**cookie(secret), "Origin": origin})
    assert response.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
    ids=str,
)
async def test_another_site_cannot_use_the_cookie(
    http: Client, root: Api, headers: dict[str, str]
) -> None:
    """It is as if there were none: a guest is asked for credentials, and nothing is done."""
    secret = await secret_of(await sign_in(http))
    given = {**cookie(secret), **headers}
    response = await http.post("/v1/api-tokens/create", json=["stolen"], headers=given)
    assert (response.status, await code_of(response)) == (401, -32811)
    assert "Set-Cookie" not in response.headers
    assert len(await root("api-tokens/read", {"owner": "all"})) == 1


async def test_an_api_token_in_the_cookie_is_none(http: Client, root: Api) -> None:
    """What a browser sends by itself can only be a session."""
    response = await http.get(READ, headers={**OWN_PAGE, **cookie(str(root.token))})
    assert (response.status, await code_of(response)) == (401, -32812)


async def test_credentials_that_differ_are_refused(http: Client, root: Api) -> None:
    """A cookie beside another credential, or two cookies: none is preferred."""
    first, second = [await secret_of(await sign_in(http)) for _ in range(2)]
    for given in (
        {**cookie(first), "Authorization": f"Bearer {second}"},
        {**cookie(first), "X-API-Key": str(root.token)},
        {"Cookie": f"{NAME}={first}; {NAME}={second}"},
    ):
        response = await http.get(READ, headers={**OWN_PAGE, **given})
        assert (response.status, await code_of(response)) == (400, 400)


@pytest.mark.parametrize("value", ["", "=", '"', "a b", "%00", "x" * 5000, ";;;", "=;=;="])
async def test_an_odd_cookie_breaks_nothing(http: Client, value: str) -> None:
    """It opens nothing, and is answered as clearly as everything else."""
    response = await http.get(READ, headers={**OWN_PAGE, "Cookie": f"{NAME}={value}"})
    assert response.status == 401
    assert await code_of(response) in {-32811, -32812}


# What is no more


async def test_a_dead_cookie_is_cleared(http: Client, sql: "Connection[Record]") -> None:
    """A browser is told to sign in again, and to send the old secret no more."""
    secret = await secret_of(await sign_in(http))
    await sql.execute("delete from sessions")
    for dead in (secret, make(SESSION_PREFIX), "nonsense"):
        response = await http.get(READ, headers={**OWN_PAGE, **cookie(dead)})
        assert (response.status, await code_of(response)) == (401, -32812)
        assert response.headers["Set-Cookie"] == FORGET


async def test_a_dead_bearer_has_no_cookie_to_clear(http: Client) -> None:
    """Other clients are told the same without it, and so is who sends one from elsewhere."""
    bearer = {"Authorization": f"Bearer {make(SESSION_PREFIX)}"}
    for given in (bearer, {**bearer, **cookie(make(SESSION_PREFIX))}):
        response = await http.get(READ, headers=given)
        assert (response.status, await code_of(response)) == (401, -32812)
        assert "Set-Cookie" not in response.headers


async def test_a_mistyped_password_ends_nothing(http: Client) -> None:
    """Who has a session and fails to sign in again keeps it, and its cookie."""
    secret = await secret_of(await sign_in(http))
    response = await http.post(
        SIGN_IN, json=["alice", "wrong"], headers={**OWN_PAGE, **cookie(secret)}
    )
    assert await code_of(response) == -32812
    assert "Set-Cookie" not in response.headers


async def test_a_stale_cookie_bars_nobody(http: Client) -> None:
    """Signing in replaces it."""
    response = await sign_in(http, Sec_Fetch_Site="same-origin", Cookie=f"{NAME}=nonsense")
    assert response.status == 200
    assert response.headers["Set-Cookie"].startswith(f"{NAME}=session_")


VOID: Final = {"X-Api-Void-Call": "true"}
NOTIFICATION: Final = {"jsonrpc": "2.0", "method": SIGN_OUT}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [([], {}, 200), ([], VOID, 200), (NOTIFICATION, {}, 204), ({**NOTIFICATION, "id": 1}, {}, 200)],
    ids=["call", "void call", "notification", "JSON-RPC"],
)
async def test_signing_out_clears_the_cookie(
    http: Client, body: Any, headers: dict[str, str], status: int
) -> None:
    """However it is asked for, and whether or not an answer is wanted."""
    secret = await secret_of(await sign_in(http))
    given = {**OWN_PAGE, **cookie(secret)}
    response = await http.post(SIGN_OUT, json=body, headers={**given, **headers})
    assert (response.status, response.headers["Set-Cookie"]) == (status, FORGET)
    assert await code_of(await http.get(READ, headers=given)) == -32812


async def test_json_rpc_signs_in_too(http: Client) -> None:
    """By the names of the arguments, and with the same cookie."""
    params = {"name": "alice", "password": PASSWORD}
    call = {"jsonrpc": "2.0", "id": 7, "method": SIGN_IN, "params": params}
    response = await http.post(SIGN_IN, json=call)
    assert await secret_of(response) in response.headers["Set-Cookie"]


async def test_get_signs_nobody_in_or_out(http: Client, sql: "Connection[Record]") -> None:
    """A link that is followed changes nothing."""
    secret = await secret_of(await sign_in(http))
    given = {**OWN_PAGE, **cookie(secret)}
    response = await http.get(SIGN_OUT, headers=given)
    assert (response.status, response.headers["Allow"]) == (405, "POST")
    query = {"name": "alice", "password": PASSWORD}
    response = await http.get(SIGN_IN, params=query, headers=given)
    assert (response.status, await code_of(response)) == (400, -32808)
    assert await sql.fetchval("select count(*) from sessions") == 1
