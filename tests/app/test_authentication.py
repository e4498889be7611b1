from dataclasses import replace
from typing import Any, Final

import pytest
from asyncpg import Connection, Record

from app.authentication import Authenticates, Authentication
from app.call import ANONYMOUS, Caller
from app.config import Settings
from app.errors import Refusal
from app.key_file import new_key
from app.services import Services, open_services
from app.statements import load
from app.token_format import make
from tests.app.support import cut_off_authentication
from tests.conftest import MemberMaker
from tests.support import Api, first_token

OWN = "correct-horse-battery-staple"


async def caller(api: Api) -> Caller:
    """Who the service takes the bearer of the token for."""
    assert api.token
    return await api.services.dispatcher.authentication.caller((api.token,))


async def refusal(authentication: Authenticates, *credentials: str) -> tuple[int, str, int]:
    """How credentials are refused."""
    with pytest.raises(Refusal) as caught:
        await authentication.caller(credentials)
    return caught.value.code, caught.value.text, caught.value.status


@pytest.fixture
def cut_off() -> Authentication:
    """An authentication whose database cannot be reached: whatever asks it is told so."""
    return cut_off_authentication()


async def test_without_credentials_one_is_anonymous(cut_off: Authentication) -> None:
    """Nobody is asked who that might be."""
    assert await cut_off.caller(()) is ANONYMOUS


async def test_two_credentials_are_refused(cut_off: Authentication) -> None:
    """They are never ranked, whether or not they are good."""
    expected = (400, "Only one credential may be given, and these differ", 400)
    assert await refusal(cut_off, make("apt"), make("apt")) == expected
    assert await refusal(cut_off, make("apt"), "") == expected


async def test_two_good_credentials_are_refused(root: Api, member: MemberMaker) -> None:
    """Two tokens that both work do not work together."""
    alice = await member("alice")
    assert root.token
    assert alice.token
    authentication = root.services.dispatcher.authentication
    assert (await refusal(authentication, root.token, alice.token))[0] == 400


@pytest.mark.parametrize(
    "token",
    [
        "",
        "short",
        "x" * 513,
        "apt_" + "0" * 36,
        pytest.param(make("apt")[:-1], id="one character less"),
        pytest.param(make("apt") + "0", id="one character more"),
        "apt_" + OWN,
        "with a space in the middle of it",
        "umlaut-ä-in-the-middle-of-it",
        "surrogate-\udcff-in-the-middle",
        "nul\0-in-the-middle-of-the-value",
    ],
)
async def test_junk_never_reaches_the_database(cut_off: Authentication, token: str) -> None:
    """A malformed value or a wrong checksum is refused without a question to PostgreSQL."""
    assert await refusal(cut_off, token) == (-32815, "Session was deleted", 401)


@pytest.mark.parametrize("token", [make("apt"), OWN], ids=["ours", "own"])
async def test_what_may_be_a_token_is_looked_up(cut_off: Authentication, token: str) -> None:
    """The same without junk: here the database is asked, and is not there."""
    assert await refusal(cut_off, token) == (-32814, "Backend is down", 503)


@pytest.mark.parametrize(
    "token", [make("apt"), OWN, make("other")], ids=["ours", "own", "other prefix"]
)
async def test_an_unknown_token_is_refused(services: Services, token: str) -> None:
    """A well-formed token that was never issued is answered as a deleted one."""
    refused = await refusal(services.dispatcher.authentication, token)
    assert refused == (-32815, "Session was deleted", 401)


async def test_tells_who_calls(root: Api, member: MemberMaker) -> None:
    """The user, the token, and what is in effect: all from the credential."""
    alice = await member("alice", token={"read": True, "write": False})
    found = await caller(alice)
    assert (found.user_name, found.token_name) == ("alice", "alice's")
    assert found.token_id == await alice.token_id()
    assert found.permissions == {"read": True}
    assert found.barred is None


async def test_permissions_are_those_the_owner_still_holds(
    member: MemberMaker, sql: "Connection[Record]"
) -> None:
    """What the owner loses, the token loses at the next call."""
    alice = await member("alice")
    await sql.execute("update users set permissions = '{\"write\": false}' where name = 'alice'")
    assert (await caller(alice)).permissions == {"read": True}


async def test_an_own_value_works(root: Api) -> None:
    """A token that an operator chose has no checksum and still is one."""
    await root("api-tokens/create", "chosen", {"token": OWN})
    assert (await caller(root.bearing(OWN))).token_name == "chosen"


async def test_a_token_is_its_whole_text(root: Api) -> None:
    """Neither a part of it nor another case of it will do."""
    await root("api-tokens/create", "chosen", {"token": OWN})
    authentication = root.services.dispatcher.authentication
    for other in (OWN[:-1], OWN + "x", OWN.upper(), " " + OWN):
        assert (await refusal(authentication, other))[0] == -32815


async def test_a_deleted_token_is_refused(root: Api, member: MemberMaker) -> None:
    """It is not told from one that never was."""
    alice = await member("alice")
    await root("api-tokens/delete", await alice.token_id())
    assert alice.token
    refused = await refusal(root.services.dispatcher.authentication, alice.token)
    assert refused == (-32815, "Session was deleted", 401)


async def test_an_expired_token_is_told_so(member: MemberMaker, sql: "Connection[Record]") -> None:
    """Its bearer learns why, for they knew it when it was good."""
    alice = await member("alice")
    await sql.execute("update api_tokens set expires = now()")
    assert alice.token
    refused = await refusal(alice.services.dispatcher.authentication, alice.token)
    assert refused == (-32815, "Session was deleted: the token has expired", 401)


async def test_expiry_comes_before_barred(member: MemberMaker, sql: "Connection[Record]") -> None:
    """A token that is both expired and disabled will not come back by enabling it."""
    alice = await member("alice")
    await sql.execute("update api_tokens set expires = now(), enabled = false")
    assert alice.token
    refused = await refusal(alice.services.dispatcher.authentication, alice.token)
    assert refused[1] == "Session was deleted: the token has expired"


async def test_a_token_works_until_it_expires(
    member: MemberMaker, sql: "Connection[Record]"
) -> None:
    """A date in the future changes nothing yet."""
    alice = await member("alice")
    await sql.execute("update api_tokens set expires = now() + interval '1 minute'")
    assert (await caller(alice)).user_name == "alice"


BARRED = [
    ("update api_tokens set enabled = false", "the token is disabled"),
    ("update users set enabled = false where name = 'alice'", "the user is disabled"),
    ("update settings set api_enabled = false", "the API is disabled"),
]


@pytest.mark.parametrize(("change", "reason"), BARRED)
async def test_a_disabled_account_is_barred(
    member: MemberMaker, sql: "Connection[Record]", change: str, reason: str
) -> None:
    """Token, user and API each have their own text; the caller is known all the same."""
    alice = await member("alice")
    await sql.execute(change)
    found = await caller(alice)
    assert found.user_name == "alice"
    assert found.barred
    assert (found.barred.code, found.barred.status) == (-32813, 403)
    assert found.barred.text == f"Session is disabled: {reason}"


@pytest.mark.parametrize(("change", "reason"), BARRED)
async def test_what_is_enabled_again_works(
    member: MemberMaker, sql: "Connection[Record]", change: str, reason: str
) -> None:
    """Being barred is not for ever, and leaves no trace."""
    alice = await member("alice")
    await sql.execute(change)
    await sql.execute(change.replace("false", "true"))
    assert (await caller(alice)).barred is None


async def test_a_retired_key_still_works(settings: Settings) -> None:
    """Tokens made under a key stay good while it is among the keys, and no longer."""
    old, new = new_key(), new_key()
    async with open_services(replace(settings, key=old), serving=True) as services:
        token = await first_token(services)
        unused = await Api(services, token)("api-tokens/create", "unused")
    async with open_services(replace(settings, key=f"{new},{old}"), serving=True) as services:
        assert (await caller(Api(services, token))).user_name == "root"
    async with open_services(replace(settings, key=new), serving=True) as services:
        assert (await refusal(services.dispatcher.authentication, unused["token"]))[0] == -32815


async def test_use_moves_a_token_to_the_current_key(settings: Settings, sql: Connection) -> None:
    """What was used beside a retired key does not need it any more."""
    old, new = new_key(), new_key()
    async with open_services(replace(settings, key=old), serving=True) as services:
        token = await first_token(services)
    async with open_services(replace(settings, key=f"{new},{old}"), serving=True) as services:
        await caller(Api(services, token))
        scheme = services.dispatcher.tokens.scheme
    assert await sql.fetchval("select digest_scheme from api_tokens") == scheme
    async with open_services(replace(settings, key=new), serving=True) as services:
        assert (await caller(Api(services, token))).user_name == "root"


async def test_a_new_key_makes_the_new_tokens(settings: Settings) -> None:
    """After a rotation the retired key is not used for anything new."""
    old, new = new_key(), new_key()
    async with open_services(replace(settings, key=old), serving=True) as services:
        token = await first_token(services)
    async with open_services(replace(settings, key=f"{new},{old}"), serving=True) as services:
        made = await Api(services, token)("api-tokens/create", "later")
    async with open_services(replace(settings, key=new), serving=True) as services:
        assert (await caller(Api(services, made["token"]))).token_name == "later"


@pytest.mark.parametrize(
    ("who", "permission", "holds"),
    [
        (ANONYMOUS, "guest", True),
        (ANONYMOUS, "user", False),
        (ANONYMOUS, "read", False),
        (Caller("1", "ann"), "guest", True),
        (Caller("1", "ann"), "user", True),
        (Caller("1", "ann"), "read", False),
        (Caller("1", "ann", permissions={"read": True}), "read", True),
        (Caller("1", "ann", permissions={"read": False}), "read", False),
        (Caller("1", "ann", permissions={"admin": True}), "read", False),
    ],
)
def test_a_caller_holds_what_is_in_effect(who: Caller, permission: str, holds: bool) -> None:
    """Everybody is a guest, everybody known is a user, the rest stands in the map."""
    assert who.holds(permission) is holds


FINDING: Final[dict[str, list[Any]]] = {
    "find_tokens": [[b"digest"] * 100, {}],
    "find_tokens_otherwise": [[1] * 100, [b"digest"] * 100, {}],
}


@pytest.mark.parametrize(("name", "parameters"), FINDING.items(), ids=FINDING)
async def test_a_token_is_found_by_an_index(
    services: Services, name: str, parameters: list[Any]
) -> None:
    """A plan made while the tables are small is one that serves when they have grown."""
    statement = load()[f"_service/{name}"]
    async with services.database.connection() as connection:
        plan = await connection.fetch(f"explain {statement.text}", *parameters)
    assert not [line for (line,) in plan if "Seq Scan" in line]
