from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import orjson
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from app.wire import oauth
from app.wire.cookies import NAME as COOKIE
from app.wire.http import Answer, Received
from tests.conftest import ServicesMaker
from tests.support import Api
from tests.wire.tokens import Tokens, basic, make_tokens, switch_api

INTROSPECT: Final = "/oauth2/introspect"
REVOKE: Final = "/oauth2/revoke"
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
INACTIVE: Final = (200, {"active": False})

both = pytest.mark.parametrize("path", [INTROSPECT, REVOKE])


@pytest.fixture(scope="module")
async def tokens(shared_services: ServicesMaker) -> Tokens:
    """Tokens in every condition, which the tests of this file share."""
    return await make_tokens(await shared_services())


async def sent(api: Api, path: str, body: bytes, headers: dict[str, str], verb: str) -> Answer:
    """The answer to a request."""
    given = CIMultiDictProxy(CIMultiDict(headers))
    arrived = Received(verb, path, given, body, "192.0.2.1")
    return await oauth.answer(api.services.dispatcher, arrived, "r-1")


async def post(tokens: Tokens, path: str, body: bytes, **headers: str) -> Answer:
    """The answer to a form, sent with the root user's token unless headers say otherwise."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    known = {} if given else {"Authorization": f"Bearer {tokens.root.token}"}
    return await sent(tokens.root, path, body, {**FORM, **known, **given}, "POST")


def told(answered: Answer) -> tuple[int, Any]:
    """Status and document of an answer."""
    return answered.status, orjson.loads(answered.body)


async def asked(tokens: Tokens, secret: str, **headers: str) -> tuple[int, Any]:
    """What introspection tells about a secret."""
    return told(await post(tokens, INTROSPECT, f"token={quote(secret)}".encode(), **headers))


def seconds(time: str) -> int:
    """Whole seconds since 1970."""
    return int(datetime.fromisoformat(time).timestamp())


async def test_a_good_token_has_its_claims(tokens: Tokens) -> None:
    """They are those that RFC 7662 names, and no others."""
    shown = tokens.shown
    assert await asked(tokens, tokens.good) == (
        200,
        {
            "active": True,
            "scope": "read",
            "client_id": shown["id"],
            "username": "root",
            "sub": shown["user_id"],
            "jti": shown["id"],
            "iat": seconds(shown["created"]),
            "exp": seconds(shown["expires"]),
            "token_type": "Bearer",
        },
    )


async def test_a_scope_is_sorted(tokens: Tokens) -> None:
    """The permissions in effect stand in it by name."""
    _, claims = await asked(tokens, tokens["root"])
    assert claims["scope"] == "admin read verify write"


async def test_a_token_without_permissions_has_an_empty_scope(tokens: Tokens) -> None:
    """Whoever splits it finds nothing."""
    _, claims = await asked(tokens, tokens["bare"])
    assert (claims["active"], claims["scope"]) == (True, "")


async def test_what_never_expires_has_no_expiry(tokens: Tokens) -> None:
    """The claim is left out, since it has to be a number."""
    _, claims = await asked(tokens, tokens["bare"])
    assert "exp" not in claims


@pytest.mark.parametrize(
    "condition",
    [
        *("disabled", "expired", "of a disabled user", "a session", "unknown", "malformed"),
        *("long", "no ASCII"),
    ],
)
async def test_every_no_is_the_same(tokens: Tokens, condition: str) -> None:
    """Of a token that is not good nothing else is told, not even whether there is one."""
    assert await asked(tokens, tokens[condition]) == INACTIVE


@pytest.mark.parametrize("way", ["Authorization", "Basic", "X-API-Key"])
async def test_callers_may_show_a_token_in_each_way(tokens: Tokens, way: str) -> None:
    """By Basic it is the client's id, and whatever secret a library insists on is ignored."""
    shown = {
        "Authorization": {"Authorization": f"Bearer {tokens['root']}"},
        "Basic": {"Authorization": basic(tokens["root"], "secret")},
        "X-API-Key": {"X_API_Key": tokens["root"]},
    }[way]
    assert (await asked(tokens, tokens.good, **shown))[1]["active"] is True


@pytest.mark.parametrize(
    "condition",
    ["disabled", "expired", "of a disabled user", "unknown", "malformed", "long"],
)
async def test_a_caller_who_is_not_good_is_no_client(tokens: Tokens, condition: str) -> None:
    """What they ask about is not looked at; 401 says how to show a token."""
    form = f"token={tokens.good}".encode()
    answered = await post(tokens, INTROSPECT, form, Authorization=f"Bearer {tokens[condition]}")
    assert told(answered) == (401, {"error": "invalid_client"})
    assert answered.headers["WWW-Authenticate"] == "Bearer"


async def test_nobody_is_no_client(tokens: Tokens) -> None:
    """Without a credential nothing is told."""
    answered = await post(tokens, INTROSPECT, b"token=x", X_Other="y")
    assert told(answered) == (401, {"error": "invalid_client"})


async def test_a_client_is_asked_in_the_way_it_speaks(tokens: Tokens) -> None:
    """Who has tried Basic is told that Basic would be right (RFC 6749, section 5.2)."""
    answered = await post(tokens, INTROSPECT, b"token=x", Authorization=basic("nobody"))
    assert answered.headers["WWW-Authenticate"] == 'Basic realm="api-tokens"'


async def test_a_switched_off_api_lets_no_client_in(tokens: Tokens) -> None:
    """The caller's own token is then as bad as all others."""
    await switch_api(tokens.root.services, False)
    try:
        assert await asked(tokens, tokens.good) == (401, {"error": "invalid_client"})
    finally:
        await switch_api(tokens.root.services, True)


async def test_a_caller_needs_the_permission(tokens: Tokens) -> None:
    """Who may not verify is told so, and what it takes."""
    form = f"token={tokens['root']}".encode()
    answered = await post(tokens, INTROSPECT, form, Authorization=f"Bearer {tokens.good}")
    assert told(answered) == (403, {"error": "insufficient_scope"})
    expected = 'Bearer error="insufficient_scope", scope="verify"'
    assert answered.headers["WWW-Authenticate"] == expected


async def test_two_callers_are_refused(tokens: Tokens) -> None:
    """Credentials that differ are never ranked."""
    shown = {"Authorization": f"Bearer {tokens['root']}", "X_API_Key": tokens.good}
    assert await asked(tokens, tokens.good, **shown) == (400, {"error": "invalid_request"})


async def test_a_cookie_is_no_credential(tokens: Tokens) -> None:
    """Pages do not ask here: not even one of the service's own."""
    cookie = f"{COOKIE}={tokens['a session']}"
    shown = {"Cookie": cookie, "Sec_Fetch_Site": "same-origin"}
    assert (await asked(tokens, tokens.good, **shown))[0] == 401
    shown["Authorization"] = f"Bearer {tokens['root']}"
    assert (await asked(tokens, tokens.good, **shown))[0] == 200


@both
@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/x-www-form-urlencoded", 400),
        (b"token=", "application/x-www-form-urlencoded", 400),
        (b"token=a&token=a", "application/x-www-form-urlencoded", 400),
        (b"access_token=a", "application/x-www-form-urlencoded", 400),
        (b"token=%FF", "application/x-www-form-urlencoded", 400),
        (b"token=a", "application/x-www-form-urlencoded; charset=latin-1", 415),
        (b'{"token": "a"}', "application/json", 415),
        (b"token=a", "", 415),
        (b"token=" + b"a" * 100_000, "application/x-www-form-urlencoded", 413),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_what_is_no_form_with_a_token_is_refused(
    tokens: Tokens, path: str, body: bytes, content_type: str, status: int
) -> None:
    """Before anybody is asked who calls."""
    answered = await post(tokens, path, body, Content_Type=content_type)
    assert told(answered) == (status, {"error": "invalid_request"})


@both
@pytest.mark.parametrize("verb", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "BREW"])
async def test_other_verbs_are_refused(tokens: Tokens, path: str, verb: str) -> None:
    """Nothing but POST has a form."""
    answered = await sent(tokens.root, path, b"token=a", FORM, verb)
    assert told(answered) == (405, {"error": "invalid_request"})
    assert answered.headers["Allow"] == "POST"


@both
async def test_answers_are_kept_by_nobody(tokens: Tokens, path: str) -> None:
    """Not by caches; and each can be found in the log."""
    answered = await post(tokens, path, b"token=none")
    assert answered.status == 200
    assert answered.headers["Cache-Control"] == "no-store"
    assert answered.headers["X-Request-Id"] == "r-1"


async def revoked(tokens: Tokens, **headers: str) -> str:
    """The secret of a new token that its holder has ended."""
    made = await tokens.root("api-tokens/create", "short-lived")
    answered = await post(tokens, REVOKE, f"token={made['token']}".encode(), **headers)
    assert (answered.status, answered.body) == (200, b"")
    return str(made["token"])


@pytest.mark.parametrize("condition", [None, "good", "unknown", "disabled"])
async def test_whoever_holds_a_token_ends_it(tokens: Tokens, condition: str | None) -> None:
    """Nobody is asked who that is: credentials beside it are not looked at."""
    shown = {"Authorization": f"Bearer {tokens[condition]}"} if condition else {"X_Other": "y"}
    assert await asked(tokens, await revoked(tokens, **shown)) == INACTIVE


@pytest.mark.parametrize(
    "condition", ["unknown", "malformed", "a session", "long", "no ASCII", "of a disabled user"]
)
async def test_there_need_not_be_such_a_token(tokens: Tokens, condition: str) -> None:
    """The answer does not tell."""
    answered = await post(tokens, REVOKE, f"token={quote(tokens[condition])}".encode())
    assert (answered.status, answered.body) == (200, b"")


async def test_a_hint_is_not_looked_at(tokens: Tokens) -> None:
    """There is one type of tokens, whatever it is called."""
    made = await tokens.root("api-tokens/create", "hinted")
    form = f"token={made['token']}&token_type_hint=refresh_token".encode()
    assert (await asked(tokens, made["token"]))[1]["active"] is True
    assert told(await post(tokens, INTROSPECT, form))[1]["active"] is True
    assert (await post(tokens, REVOKE, form)).status == 200
    assert await asked(tokens, made["token"]) == INACTIVE


async def test_a_session_cannot_be_ended_so(tokens: Tokens) -> None:
    """It is no token: it goes on."""
    answered = await post(tokens, REVOKE, f"token={tokens['a session']}".encode())
    assert answered.status == 200
    assert (await tokens.root.bearing(tokens["a session"])("session/read"))["user"]["name"] == "bob"
