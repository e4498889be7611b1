from collections.abc import AsyncIterator
from typing import Any, Final, TypeAlias

import asyncpg
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from app.errors import CannotStart
from app.wire.cookies import NAME as COOKIE
from app.wire.forward_auth import answer, secret
from app.wire.http import Answer, Received
from tests.conftest import ServicesMaker
from tests.wire.tokens import NAME, Tokens, basic, make_tokens, switch_api

Sql: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
GATEWAY: Final = b"the-gateway's-own"
INVALID: Final = 'Bearer error="invalid_token"'


@pytest.fixture(scope="module")
async def tokens(shared_services: ServicesMaker) -> Tokens:
    """Tokens in every condition, which the tests of this file share."""
    return await make_tokens(await shared_services())


@pytest.fixture
async def database(tokens: Tokens) -> AsyncIterator[Sql]:
    """A connection to the database behind the service's back."""
    connection = await asyncpg.connect(tokens.root.services.settings.database_url)
    yield connection
    await connection.close()


async def sent(
    tokens: Tokens,
    *headers: tuple[str, str],
    query: str = "",
    verb: str = "GET",
    expected: bytes | None = None,
) -> Answer:
    """The answer to a gateway that hands on these headers."""
    given = CIMultiDictProxy(CIMultiDict(headers))
    arrived = Received(verb, "/auth", given, b"whatever", "192.0.2.1", query)
    return await answer(tokens.root.services.dispatcher, arrived, "r-1", expected)


async def asked(tokens: Tokens, token: str, query: str = "", **more: Any) -> Answer:
    """The answer to a gateway that was shown a token."""
    return await sent(tokens, ("Authorization", f"Bearer {token}"), query=query, **more)


def told(answered: Answer) -> tuple[int, str | None]:
    """Status and challenge of an answer, none of which has a body."""
    assert answered.body == b""
    assert answered.headers["Cache-Control"] == "no-store"
    assert answered.headers["X-Request-Id"] == "r-1"
    assert "Content-Type" not in answered.headers
    return answered.status, answered.headers.get("WWW-Authenticate")


def identity(answered: Answer) -> dict[str, str]:
    """What an answer says of whose request it is."""
    names = ("X-User-", "X-Token-", "X-Permissions")
    return {n: value for n, value in answered.headers.items() if n.startswith(names)}


@pytest.mark.parametrize("verb", ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "BREW"])
async def test_tells_whose_token_it_is(tokens: Tokens, verb: str) -> None:
    """Whatever the verb is that the gateway hands on."""
    answered = await asked(tokens, tokens.good, verb=verb)
    assert told(answered) == (204, None)
    assert identity(answered) == {
        "X-User-Id": tokens.shown["user_id"],
        "X-User-Name": "root",
        "X-Token-Id": tokens.shown["id"],
        "X-Token-Name": 'CI%20"%C3%A9"%20100%25',
        "X-Permissions": "read",
    }


async def test_permissions_are_sorted(tokens: Tokens) -> None:
    """With a space between them."""
    answered = await asked(tokens, tokens["root"])
    assert answered.headers["X-Permissions"] == "admin read verify write"


async def test_a_header_without_a_value_is_there(tokens: Tokens) -> None:
    """Or a gateway would let the one pass that its caller has made up."""
    assert identity(await asked(tokens, tokens["bare"]))["X-Permissions"] == ""


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("ci", "ci"),
        ("!\"#$&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~", "!\"#$&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~"),
        ("a b", "a%20b"),
        ("100%", "100%25"),
        ("%C3", "%25C3"),
        ("é", "%C3%A9"),
        ("🎈", "%F0%9F%8E%88"),
        ("a\r\nX-User-Id: root", "a%0D%0AX-User-Id:%20root"),
        ("\t\x7f\x1b", "%09%7F%1B"),
    ],
)
async def test_names_are_encoded(tokens: Tokens, database: Sql, name: str, encoded: str) -> None:
    """No name ends its header, and each can be told from all others."""
    made = await tokens.root("api-tokens/create", "before")
    await database.execute("update api_tokens set name = $2 where id = $1", made["id"], name)
    assert identity(await asked(tokens, made["token"]))["X-Token-Name"] == encoded


async def test_a_user_may_be_called_anything(tokens: Tokens, database: Sql) -> None:
    """Names of users are encoded as those of tokens are."""
    await database.execute("update users set name = $1 where name = 'root'", NAME)
    try:
        answered = await asked(tokens, (await tokens.root("api-tokens/create", "x"))["token"])
    finally:
        await database.execute("update users set name = 'root' where name = $1", NAME)
    assert identity(answered)["X-User-Name"] == 'CI%20"%C3%A9"%20100%25'


@pytest.mark.parametrize("way", ["Bearer", "bare", "Basic", "X-API-Key", "twice"])
async def test_takes_the_credential_from_headers(tokens: Tokens, way: str) -> None:
    """In each way in which the service itself takes one; the same one twice is one."""
    bearer, key = ("Authorization", f"Bearer {tokens.good}"), ("X-API-Key", tokens.good)
    headers = {
        "Bearer": [bearer],
        "bare": [("Authorization", tokens.good)],
        "Basic": [("Authorization", basic(tokens.good))],
        "X-API-Key": [key],
        "twice": [bearer, key],
    }[way]
    assert told(await sent(tokens, *headers)) == (204, None)


@pytest.mark.parametrize(
    "condition",
    [
        *("disabled", "expired", "of a disabled user", "a session", "unknown", "malformed"),
        *("long", "no ASCII"),
    ],
)
async def test_every_bad_token_is_refused_alike(tokens: Tokens, condition: str) -> None:
    """A permission that is wanted besides makes no difference; nobody is told of."""
    for query in ("", "permission=read"):
        answered = await asked(tokens, tokens[condition], query)
        assert told(answered) == (401, INVALID)
        assert identity(answered) == {}


@pytest.mark.parametrize(
    "value", ["Bearer", "Basic", "Basic !", "Digest x", "", "Bearer \udcff\udcfe", "\udcff"]
)
async def test_a_malformed_credential_is_a_bad_one(tokens: Tokens, value: str) -> None:
    """Bytes that are no text at all among them."""
    assert told(await sent(tokens, ("Authorization", value))) == (401, INVALID)


async def test_a_switched_off_api_lets_nothing_pass(tokens: Tokens) -> None:
    """All tokens are then refused."""
    await switch_api(tokens.root.services, False)
    try:
        assert told(await asked(tokens, tokens.good)) == (401, INVALID)
    finally:
        await switch_api(tokens.root.services, True)


async def test_without_a_credential_nothing_is_wrong_with_it(tokens: Tokens) -> None:
    """The challenge has no error then (RFC 6750, section 3)."""
    assert told(await sent(tokens, query="permission=read")) == (401, "Bearer")


async def test_a_cookie_is_not_looked_at(tokens: Tokens) -> None:
    """Our own may be sent to a neighbour: it neither lets a request pass nor stands in its way."""
    cookie = ("Cookie", f"{COOKIE}={tokens['a session']}; token={tokens.good}")
    own_page = ("Sec-Fetch-Site", "same-origin")
    assert told(await sent(tokens, cookie, own_page)) == (401, "Bearer")
    assert told(await sent(tokens, cookie, own_page, ("X-API-Key", tokens.good))) == (204, None)


async def test_nothing_in_the_query_is_a_credential(tokens: Tokens) -> None:
    """URLs stand in logs."""
    query = f"token={tokens.good}&access_token={tokens.good}"
    assert told(await sent(tokens, query=query)) == (401, "Bearer")


async def test_two_credentials_are_refused(tokens: Tokens) -> None:
    """Even if both are good, they are never ranked."""
    given = [("Authorization", f"Bearer {tokens.good}"), ("X-API-Key", tokens["root"])]
    status, challenge = told(await sent(tokens, *given))
    assert (status, str(challenge)[:30]) == (400, 'Bearer error="invalid_request"')


MISSES_WRITE: Final = 'Bearer error="insufficient_scope", scope="{}"'


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("permission=read", (204, None)),
        ("permission=read&permission=read", (204, None)),
        ("permission=write", (403, MISSES_WRITE.format("write"))),
        ("permission=read&permission=write", (403, MISSES_WRITE.format("read write"))),
        ("permission=write&permission=read", (403, MISSES_WRITE.format("write read"))),
        ("perm%69ssion=r%65ad", (204, None)),
        ("Permission=write&permissions=write&x", (204, None)),
        ("permission=read&for=/orders?a=1", (204, None)),
        ("status=200", (200, None)),
        ("status=200&permission=read&for=/orders?status=204", (200, None)),
        ("status=200&permission=write", (403, MISSES_WRITE.format("write"))),
        ("status=404&status=", (204, None)),
    ],
)
async def test_the_query_says_what_is_wanted(
    tokens: Tokens, query: str, expected: tuple[int, str | None]
) -> None:
    """All the permissions that it names, and of its other members none but `status`."""
    assert told(await asked(tokens, tokens.good, query)) == expected


@pytest.mark.parametrize(
    ("query", "description"),
    [
        ("permission=no-such", "Permission 'no-such' is not valid"),
        ("permission=", "Permission '' is not valid"),
        ("permission=*", "Permission '*' is not valid"),
        ("permission=read+write", "Permission 'read write' is not valid"),
        ("permission=%22%0D%0AX:%C3%A9", "Permission ''''X:'' is not valid"),
        ("permission=%FF", "Unable to decode fields"),
        ("x=\udcff", "Unable to decode fields"),
    ],
)
async def test_what_cannot_be_wanted_is_refused(
    tokens: Tokens, query: str, description: str
) -> None:
    """Whoever has configured the gateway is told, in a header, for want of another place."""
    expected = f'Bearer error="invalid_request", error_description="{description}"'
    assert told(await asked(tokens, tokens.good, query)) == (400, expected)


async def test_more_permissions_than_there_are_cannot_be_wanted(tokens: Tokens) -> None:
    """A query may have many; what they are is not even looked at."""
    query = "&".join(f"permission=p{number}" for number in range(500))
    assert told(await asked(tokens, tokens.good, query))[0] == 400


@pytest.mark.parametrize(
    "shown",
    [
        [],
        [""],
        ["another"],
        ["the-gateway's-owN"],
        ["the-gateway's-own "],
        ["the-gateway's-own", "the-gateway's-own"],
        ["another", "the-gateway's-own"],
        ["the-gateway's-own, the-gateway's-own"],
        ["\udcff"],
    ],
)
@pytest.mark.parametrize("condition", ["good", "unknown", None])
async def test_a_gateway_must_show_its_secret(
    tokens: Tokens, shown: list[str], condition: str | None
) -> None:
    """Or it is told nothing at all, whatever else it shows and wants."""
    headers = [("X-Gateway-Token", value) for value in shown]
    if condition:
        headers.append(("Authorization", f"Bearer {tokens[condition]}"))
    for query in ("", "permission=no-such", "permission=write"):
        answered = await sent(tokens, *headers, query=query, expected=GATEWAY)
        assert told(answered) == (403, None)


async def test_a_gateway_that_shows_its_secret_is_told(tokens: Tokens) -> None:
    """Good from bad, as without one."""
    gateway = ("X-Gateway-Token", GATEWAY.decode())
    good, bad = ("X-API-Key", tokens.good), ("X-API-Key", tokens["unknown"])
    assert told(await sent(tokens, gateway, good, expected=GATEWAY)) == (204, None)
    assert told(await sent(tokens, gateway, bad, expected=GATEWAY)) == (401, INVALID)


async def test_a_secret_that_is_not_asked_for_does_not_matter(tokens: Tokens) -> None:
    """A gateway may be configured before the service is."""
    answered = await sent(tokens, ("X-Gateway-Token", "x"), ("X-API-Key", tokens.good))
    assert told(answered) == (204, None)


@pytest.mark.parametrize("given", ["", " ", "two words", "é", "a\nb", "x "])
def test_a_secret_must_fit_into_a_header(given: str) -> None:
    """One that nobody can show, or that is none, is not started with."""
    with pytest.raises(CannotStart, match="--gateway-token"):
        secret(given)


def test_a_secret_is_its_bytes() -> None:
    """And there need not be one."""
    assert (secret("s3cret!"), secret(None)) == (b"s3cret!", None)
