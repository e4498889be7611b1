import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import MemberMaker
from tests.methods.support import INJECTIONS, Sql, bearer, break_audit, events, stored, token
from tests.support import KEY, Api

OWN = "correct-horse-battery-staple"
ROLES = {
    "read-only": ["read"],
    "read-write": ["read", "write"],
    "analyst": ["read", "write"],
    "admin": ["admin", "read", "verify", "write"],
}


async def test_makes_a_token_that_works(root: Api) -> None:
    """The secret in the answer is a token of the caller's user."""
    made = await root("api-tokens/create", "backup")
    row = await root.bearing(made["token"])("api-tokens/read", {"id": made["id"]})
    assert row == {name: value for name, value in made.items() if name != "token"}


async def test_answers_what_was_made(root: Api, member: MemberMaker) -> None:
    """Without options the answer describes an enabled token that never ends."""
    alice = await member("alice")
    [first] = await alice("api-tokens/read")
    made = await alice("api-tokens/create", "backup")
    assert made["user_id"] == first["user_id"]
    assert made["hint"] == f"apt_…{made['token'][-4:]}"
    assert (made["name"], made["role"], made["enabled"]) == ("backup", None, True)
    assert (made["expires"], made["last_used"], made["metadata"]) == (None, None, {})
    assert made["created"] == made["updated"]


@pytest.mark.parametrize("options", [(), (None,), ({},), ({"role": None, "expires": None},)])
async def test_grants_nothing_by_default(shared: Api, options: tuple[Any, ...]) -> None:
    """Without a role and permissions a token may do nothing."""
    made = await shared("api-tokens/create", "powerless", *options)
    assert made["permissions"] == {}


async def test_makes_different_secrets(shared: Api) -> None:
    """No two tokens have one secret, nor one id."""
    made = [await shared("api-tokens/create", "twin") for _ in range(5)]
    assert len({row["token"] for row in made}) == len({row["id"] for row in made}) == 5


# What it may do


@pytest.mark.parametrize("role", ROLES)
async def test_grants_what_the_role_does(shared: Api, role: str) -> None:
    """A role gives its permissions, and is remembered."""
    made = await shared("api-tokens/create", "ci", {"role": role})
    assert (made["role"], sorted(made["permissions"])) == (role, ROLES[role])


async def test_grants_the_permissions_given(shared: Api) -> None:
    """Of a permission map those are in effect that are true."""
    wanted = {"read": True, "write": False, "verify": True}
    made = await shared("api-tokens/create", "ci", {"permissions": wanted})
    assert made["permissions"] == {"read": True, "verify": True}


@pytest.mark.parametrize("permissions", [{"read": True}, {"read": False}, {}])
async def test_refuses_a_role_with_permissions(shared: Api, permissions: dict[str, bool]) -> None:
    """A role and permissions together are ambiguous."""
    options = {"role": "read-only", "permissions": permissions}
    refusal = await shared.refusal("api-tokens/create", "ci", options)
    assert (refusal.code, refusal.text) == (400, "Give either a role or permissions, not both")


@pytest.mark.parametrize("name", ["*", "guest", "root", "user", "fly", "", "READ", "read "])
@pytest.mark.parametrize("granted", [True, False])
async def test_refuses_a_permission_that_is_none(shared: Api, name: str, granted: bool) -> None:
    """Reserved and unknown names are no permissions, not even to be denied."""
    options = {"permissions": {"read": True, name: granted}}
    refusal = await shared.refusal("api-tokens/create", "ci", options)
    assert (refusal.code, refusal.text) == (400, f'Permission "{name}" is not valid')


@pytest.mark.parametrize("role", ["owner", "", "Admin", *INJECTIONS])
async def test_refuses_a_role_that_is_none(shared: Api, role: str) -> None:
    """An unknown role is refused by name."""
    refusal = await shared.refusal("api-tokens/create", "ci", {"role": role})
    assert (refusal.code, refusal.text) == (400, f'Role "{role}" is not valid')


@pytest.mark.parametrize(
    "options",
    [
        {"permissions": {"write": True}},
        {"permissions": {"read": True, "admin": True}},
        {"role": "read-write"},
        {"role": "admin"},
    ],
)
async def test_refuses_to_grant_more_than_the_caller_holds(
    member: MemberMaker, options: dict[str, Any]
) -> None:
    """A weak token cannot make one that is stronger, whatever its user holds."""
    weak = await member("alice", ["read", "write", "admin"], {"read": True})
    refusal = await weak.refusal("api-tokens/create", "ci", options)
    assert (refusal.code, refusal.status) == (-32811, 403)
    assert len(await weak("api-tokens/read")) == 1


async def test_refuses_to_grant_more_than_an_administrator_holds(member: MemberMaker) -> None:
    """Permission admin does not stand for the others."""
    admin = await member("alice", ["read", "admin"])
    refusal = await admin.refusal("api-tokens/create", "ci", {"permissions": {"verify": True}})
    assert refusal.code == -32811


async def test_denies_what_the_caller_does_not_hold(member: MemberMaker) -> None:
    """False grants nothing: anybody may say it."""
    weak = await member("alice", token={"read": True})
    wanted = {"read": True, "write": False, "admin": False}
    made = await weak("api-tokens/create", "ci", {"permissions": wanted})
    assert made["permissions"] == {"read": True}


async def test_loses_what_its_owner_loses(member: MemberMaker, sql: Sql) -> None:
    """What a token may do is limited at every moment by what its owner holds."""
    alice = await member("alice", ["read", "admin"])
    await alice("users/read")
    await sql.execute("""update users set permissions = '{"admin": false}' where name = 'alice'""")
    assert (await alice.refusal("users/read")).code == -32811
    [row] = await alice("api-tokens/read")
    assert row["permissions"] == {"read": True}


@pytest.mark.parametrize(
    ("permissions", "path"),
    [
        ({f"p{n}": False for n in range(257)}, "/1/permissions"),
        ({"read": "true"}, "/1/permissions/read"),
        ({"read": 1}, "/1/permissions/read"),
        ({"read": None}, "/1/permissions/read"),
        (["read"], "/1/permissions"),
        ("read", "/1/permissions"),
        (None, "/1/permissions"),
        ({"re\0ad": True}, "/1/permissions"),
    ],
)
async def test_refuses_what_is_no_permission_map(shared: Api, permissions: Any, path: str) -> None:
    """A permission map has at most 256 names, and nothing but booleans."""
    refusal = await shared.refusal("api-tokens/create", "ci", {"permissions": permissions})
    assert refusal.code == -32808
    assert [fault.path for fault in refusal.faults] == [path]


# Whose it is


@pytest.mark.parametrize("name", ["user_id", "userId", "owner", "user", "digest", "created_by"])
async def test_refuses_options_it_does_not_know(shared: Api, name: str) -> None:
    """The owner comes from the credential: nothing in the body can name one."""
    [other] = await shared("users/read", {"limit": 1})
    refusal = await shared.refusal("api-tokens/create", "ci", {name: other["id"]})
    assert [(f.path, f.message) for f in refusal.faults] == [(f"/1/{name}", "is not known")]


async def test_remembers_who_made_it(member: MemberMaker) -> None:
    """The user and the token that asked for it are told by id and by the name they had."""
    alice = await member("alice")
    [first] = await alice("api-tokens/read")
    made = await alice("api-tokens/create", "ci")
    assert made["created_by"] == {
        "user_id": first["user_id"],
        "user_name": "alice",
        "token_id": first["id"],
        "token_name": "alice's",
    }


async def test_remembers_the_operator(member: MemberMaker) -> None:
    """A token that the command line made was made by the user alone."""
    [row] = await (await member("alice"))("api-tokens/read")
    assert row["created_by"] == {
        "user_id": row["user_id"],
        "user_name": "alice",
        "token_id": None,
        "token_name": None,
    }


# Its name


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "a" * 255,
        "🔑" * 255,
        "\u05d0\u05d1\u05d2 \u0645\u0641\u062a\u0627\u062d",
        "é",
        *INJECTIONS,
    ],
)
async def test_keeps_the_name(shared: Api, name: str) -> None:
    """A name is any text of up to 255 characters on one line."""
    made = await shared("api-tokens/create", name)
    assert (await shared("api-tokens/read", {"id": made["id"]}))["name"] == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a" * 256,
        "🔑" * 256,
        "a\0b",
        "a\nb",
        "a\rb",
        "a\tb",
        "\x1b[31m",
        "\x7f",
        "\x85",
        "\ud800",
    ],
)
async def test_refuses_a_bad_name(shared: Api, name: str) -> None:
    """Empty, longer or many-lined names, and control characters, are faults of the name."""
    refusal = await shared.refusal("api-tokens/create", name)
    assert (refusal.code, [fault.path for fault in refusal.faults]) == (-32808, ["/0"])


@pytest.mark.parametrize("name", [None, 7, True, ["ci"], {"name": "ci"}])
async def test_refuses_a_name_that_is_no_text(shared: Api, name: Any) -> None:
    """A name is text."""
    refusal = await shared.refusal("api-tokens/create", name)
    assert [(f.path, f.message) for f in refusal.faults] == [("/0", "must be string")]


async def test_lets_names_repeat(shared: Api) -> None:
    """Two tokens may have one name."""
    made = [await shared("api-tokens/create", "same name") for _ in range(2)]
    rows = await shared("api-tokens/read", {"where": {"name": "same name"}})
    assert {row["id"] for row in rows} == {row["id"] for row in made}


# When it ends


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60s", 60), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000), ("2w", 1_209_600)],
)
async def test_ends_after_a_duration(shared: Api, text: str, seconds: int) -> None:
    """A duration counts from now."""
    before = datetime.now(UTC)
    made = await shared("api-tokens/create", "brief", {"expires": text})
    end = datetime.fromisoformat(made["expires"]) - timedelta(seconds=seconds)
    assert before <= end <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2099-01-31T12:00:00Z", "2099-01-31T12:00:00Z"),
        ("2099-01-31t12:00:00z", "2099-01-31T12:00:00Z"),
        ("2099-01-31T12:00:00.25Z", "2099-01-31T12:00:00.250000Z"),
        ("2099-01-31T12:00:00+02:00", "2099-01-31T10:00:00Z"),
        ("2099-01-31T23:30:00-05:30", "2099-02-01T05:00:00Z"),
        ("2096-02-29T00:00:00Z", "2096-02-29T00:00:00Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ],
)
async def test_ends_at_a_moment(shared: Api, text: str, moment: str) -> None:
    """An RFC 3339 time is answered in UTC, whatever its offset."""
    made = await shared("api-tokens/create", "brief", {"expires": text})
    assert made["expires"] == moment


async def test_is_refused_after_its_end(root: Api, sql: Sql) -> None:
    """An expired token is refused, and told so."""
    made = await root("api-tokens/create", "brief", {"expires": "1h"})
    brief = root.bearing(made["token"])
    await brief("api-tokens/read")
    await sql.execute("update api_tokens set expires = now() where name = 'brief'")
    refusal = await brief.refusal("api-tokens/read")
    assert (refusal.code, refusal.text) == (-32815, "Session was deleted: the token has expired")


@pytest.mark.parametrize(
    "text",
    [
        "0s",
        "2001-01-01T00:00:00Z",
        "soon",
        "",
        "30",
        "-30d",
        "1.5h",
        "30 d",
        "30D",
        "1y",
        "\u0661d",
        "9999999999d",
        "999999999w",
        "2099-13-01T00:00:00Z",
        "2099-02-29T00:00:00Z",
        "2099-01-01T24:00:00Z",
        "2099-01-01T00:00:00",
        "2099-01-01",
        "2099-01-01T00:00:00+24:00",
        "9999-12-31T23:59:59-01:00",
        "0000-01-01T00:00:00Z",
        "infinity",
        "now()",
        "2099-01-01T00:00:00Z\n",
        "2099-01-01T00:00:00Z; drop table users",
        "9" * 65,
        "30d\0",
    ],
)
async def test_refuses_a_bad_end(shared: Api, text: str) -> None:
    """What is past, no time, or no duration is a fault of `expires`."""
    refusal = await shared.refusal("api-tokens/create", "brief", {"expires": text})
    assert (refusal.code, [f.path for f in refusal.faults]) == (-32808, ["/1/expires"])


@pytest.mark.parametrize("value", [3600, True, ["30d"], {}])
async def test_refuses_an_end_that_is_no_text(shared: Api, value: Any) -> None:
    """Seconds as a number are not understood, rather than misunderstood."""
    refusal = await shared.refusal("api-tokens/create", "brief", {"expires": value})
    assert (refusal.code, [f.path for f in refusal.faults]) == (-32808, ["/1/expires"])


# Metadata


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"team": "web", "tags": ["a", None, True, {"deep": [1, 2.5, -0.0, 1e20]}]},
        {"🔑": "\u05d0", "": "", "quote": "'; drop table users; --"},
        {"large": 2**63, "small": -(2**63), "tiny": 1e-300, "huge": 1e300},
        {"x": "y" * 4088},
        {"x": "é" * 2044},
    ],
)
async def test_keeps_the_metadata(shared: Api, metadata: dict[str, Any]) -> None:
    """Any JSON object of up to 4 KiB is given back as it was."""
    made = await shared("api-tokens/create", "labelled", {"metadata": metadata})
    row = await shared("api-tokens/read", {"id": made["id"]})
    assert made["metadata"] == row["metadata"] == metadata


@pytest.mark.parametrize("metadata", [{"x": "y" * 4089}, {"x": "é" * 2045}, {"y" * 4096: 1}])
async def test_refuses_long_metadata(shared: Api, metadata: dict[str, Any]) -> None:
    """Metadata is measured in bytes of JSON."""
    refusal = await shared.refusal("api-tokens/create", "labelled", {"metadata": metadata})
    assert [(f.path, f.message) for f in refusal.faults] == [
        ("/1/metadata", "must be at most 4096 bytes of JSON")
    ]


@pytest.mark.parametrize(
    ("metadata", "path"),
    [
        ([], "/1/metadata"),
        ("{}", "/1/metadata"),
        (None, "/1/metadata"),
        ({"a": "\0"}, "/1/metadata/a"),
        ({"a\0": 1}, "/1/metadata"),
        ({"a": ["\ud800"]}, "/1/metadata/a/0"),
        ({"a": float("nan")}, "/1/metadata/a"),
    ],
)
async def test_refuses_metadata_that_cannot_be_kept(shared: Api, metadata: Any, path: str) -> None:
    """What is no object, or what the database cannot hold, is a fault there."""
    refusal = await shared.refusal("api-tokens/create", "labelled", {"metadata": metadata})
    assert (refusal.code, [f.path for f in refusal.faults]) == (-32808, [path])


# A value of one's own


@pytest.mark.parametrize(
    "value",
    [
        OWN,
        "0123456789abcdefghij",
        "!\"#$%&'()*+,-./:;<=>?",
        "x1" * 10 + "abcdefgh",
        "aB3$" * 127 + "wxyz",
    ],
)
async def test_takes_a_value_of_ones_own(shared: Api, value: str) -> None:
    """A chosen value works as a token, and only its end is shown afterwards."""
    made = await shared("api-tokens/create", "own", {"token": value})
    assert made["token"] == value
    row = await shared.bearing(value)("api-tokens/read", {"id": made["id"]})
    assert row["hint"] == f"…{value[-4:]}"


async def test_takes_a_value_of_our_own_make(root: Api) -> None:
    """A value with our prefix is taken if its checksum holds: a deleted token can be put back."""
    made = await root("api-tokens/create", "first")
    await root("api-tokens/delete", made["id"])
    again = await root("api-tokens/create", "second", {"token": made["token"]})
    assert again["hint"] == made["hint"]
    assert await root.bearing(made["token"])("api-tokens/read")


async def test_refuses_a_value_that_is_taken(root: Api, member: MemberMaker) -> None:
    """Who has the value already is not told."""
    await root("api-tokens/create", "the first to have it", {"token": OWN})
    alice = await member("alice")
    refusal = await alice.refusal("api-tokens/create", "own", {"token": OWN})
    assert (refusal.code, refusal.status, refusal.text) == (409, 409, "Token value is taken")
    assert refusal.faults == ()
    assert len(await alice("api-tokens/read")) == 1


@pytest.mark.parametrize("state", ["enabled = false", "expires = '2001-01-01'"])
async def test_refuses_a_value_that_is_taken_by_a_dead_token(
    root: Api, sql: Sql, state: str
) -> None:
    """A token that cannot be used just now still has its value."""
    await root("api-tokens/create", "own", {"token": OWN})
    await sql.execute(f"update api_tokens set {state} where name = 'own'")
    refusal = await root.refusal("api-tokens/create", "own", {"token": OWN})
    assert (refusal.code, refusal.text) == (409, "Token value is taken")


async def test_gives_a_value_to_one_of_two(root: Api, member: MemberMaker, sql: Sql) -> None:
    """When two ask for one value at the same moment, exactly one gets it."""
    alice = await member("alice")
    results = await asyncio.gather(
        *(api.result("api-tokens/create", "own", {"token": OWN}) for api in (root, alice) * 2)
    )
    assert sorted(getattr(result, "code", 200) for result in results) == [200, 409, 409, 409]
    assert await sql.fetchval("select count(*) from api_tokens where name = 'own'") == 1


@pytest.mark.parametrize(
    "value",
    [
        "",
        "abcdefghij012345678",
        "abcdefgh" * 63 + "wxyz12345",
        "pässword-with-an-umlaut",
        "correct horse battery staple",
        f"{OWN}\n",
        f"\t{OWN}",
        f"{OWN}\0",
        f"{OWN}\x7f",
        "🔑🗝️🔒" * 10,
        "a" * 20,
        "abcdefg" * 4,
        "abcdefghij" * 2,
        "abcdefghijkl0123" * 32,
        "aaaaaaaaaaaaaaaaaaaabcd",
        "apt_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo1nBCPS",
        "apt_correct-horse-battery-staple",
        "apt_0123456789abcdefghijklmnopqrstuvwxyz",
        "apt_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo1nBCPR0",
    ],
)
async def test_refuses_a_weak_value(shared: Api, value: str) -> None:
    """What is short, long, not visible ASCII, easy to guess, or falsely ours is a fault."""
    refusal = await shared.refusal("api-tokens/create", "own", {"token": value})
    assert refusal.code == -32808
    assert {fault.path for fault in refusal.faults} == {"/1/token"}
    assert not value or value not in repr(refusal)


@pytest.mark.parametrize("value", [None, 12345678901234567890, ["x"], True])
async def test_refuses_a_value_that_is_no_text(shared: Api, value: Any) -> None:
    """A token value is text; null is not "make one for me"."""
    refusal = await shared.refusal("api-tokens/create", "own", {"token": value})
    assert [(f.path, f.message) for f in refusal.faults] == [("/1/token", "must be string")]


# What stays behind


@pytest.mark.parametrize("options", [{}, {"token": OWN}])
async def test_stores_only_the_digest(root: Api, sql: Sql, options: dict[str, Any]) -> None:
    """Nothing in the database holds the secret, or the key it is digested with."""
    secret = (await root("api-tokens/create", "ci", options))["token"]
    text = await stored(sql)
    assert "ci" in text
    for part in (secret, secret[4:24], secret.encode().hex(), KEY, KEY.encode().hex()):
        assert part not in text


async def test_writes_the_audit_event(root: Api, sql: Sql) -> None:
    """Who made what with which permissions is remembered, and neither secret nor digest."""
    options = {"role": "read-only", "metadata": {"team": "web"}}
    made = await root("api-tokens/create", "ci", options)
    event = (await events(sql, "api-tokens/create"))[-1]
    assert event == {
        "actor_user": made["user_id"],
        "actor_token": await root.token_id(),
        "target": made["id"],
        "details": {"name": "ci", "role": "read-only", "permissions": {"read": True}},
    }


async def test_makes_nothing_without_its_audit_event(root: Api, sql: Sql) -> None:
    """A token and its audit event are one: neither is there without the other."""
    await break_audit(sql)
    assert (await root.refusal("api-tokens/create", "ci")).code == 500
    assert await sql.fetchval("select count(*) from api_tokens") == 1


async def test_writes_nothing_when_refused(root: Api, sql: Sql) -> None:
    """A refused value leaves no token and no event behind."""
    made = await root("api-tokens/create", "own", {"token": OWN})
    await root.refusal("api-tokens/create", "copy", {"token": OWN})
    assert [e["target"] for e in await events(sql, "api-tokens/create")][1:] == [made["id"]]
    row = await token(sql, made["id"])
    assert row
    assert row["name"] == "own"


async def test_makes_powerless_tokens_for_powerless_ones(root: Api) -> None:
    """A token that may do nothing makes only tokens that may do nothing."""
    powerless = await bearer(root)
    made = await powerless("api-tokens/create", "child")
    assert made["permissions"] == {}
    refusal = await powerless.refusal("api-tokens/create", "child", {"role": "read-only"})
    assert refusal.code == -32811
