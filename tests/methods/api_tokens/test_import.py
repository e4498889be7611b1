import base64
import hashlib
from typing import Any

import pytest

from app.statements import load
from tests.conftest import MemberMaker
from tests.methods.support import Sql, break_audit, events, stored, token
from tests.support import Api

VALUE = "acme-live-4f9TnQ2xLw8ZrK"
SHA256 = hashlib.sha256(VALUE.encode())
BY_DIGEST = {"digest": SHA256.hexdigest(), "scheme": "sha256", "name": "theirs"}
NOBODY_REFUSED = {"imported": 1, "present": 0, "refused": []}


async def listed(api: Api, name: str = "theirs") -> dict[str, Any]:
    """The one token of this name, as an administrator sees it."""
    [row] = await api("api-tokens/read", {"where": {"name": name}, "owner": "all"})
    return dict(row)


async def test_a_plain_value_works_as_a_token(root: Api) -> None:
    """A token that was imported by its value is one of its owner's."""
    row = {"token": VALUE, "name": "theirs", "role": "read-only"}
    assert await root("api-tokens/import", [row]) == NOBODY_REFUSED
    identity = await root.bearing(VALUE)("session/read")
    assert (identity["user"]["name"], identity["permissions"]) == ("root", {"read": True})
    assert (await listed(root))["hint"] == f"…{VALUE[-4:]}"


@pytest.mark.parametrize(
    ("scheme", "digest"),
    [
        ("sha256", SHA256.hexdigest()),
        ("sha256", SHA256.hexdigest().upper()),
        ("sha256", base64.b64encode(SHA256.digest()).decode()),
        ("sha256", base64.b64encode(SHA256.digest()).decode().rstrip("=")),
        ("sha256", base64.urlsafe_b64encode(SHA256.digest()).decode()),
        ("sha256", base64.urlsafe_b64encode(SHA256.digest()).decode().rstrip("=")),
        ("sha512", hashlib.sha512(VALUE.encode()).hexdigest()),
    ],
)
async def test_a_digest_works_by_its_value(root: Api, scheme: str, digest: str) -> None:
    """Whoever has the value another system digested goes on using it, however it spelled that."""
    await root("api-tokens/import", [{"digest": digest, "scheme": scheme, "name": "theirs"}])
    assert (await listed(root))["hint"] == "…"
    await root.bearing(VALUE)("session/read")


@pytest.mark.parametrize(
    "digest",
    [bytes([0b11111011]) * 32, bytes([0b11111111]) * 32],
    ids=["+ and -", "/ and _"],
)
async def test_both_alphabets_of_base64_are_read(root: Api, sql: Sql, digest: bytes) -> None:
    """The two characters in which they differ mean the same."""
    for name, spell in (("one", base64.b64encode), ("two", base64.urlsafe_b64encode)):
        row = {"digest": spell(digest).decode(), "scheme": "sha256", "name": name}
        await root("api-tokens/import", [row])
        assert await sql.fetchval("delete from api_tokens where digest = $1 returning 1", digest)


async def test_a_digest_is_moved_to_our_key_at_its_first_use(root: Api, sql: Sql) -> None:
    """From then on a thief of the database cannot tell the token by another system's digest."""
    await root("api-tokens/import", [{**BY_DIGEST, "hint": "acme-live"}])
    made = await listed(root)
    assert made["hint"] == "acme-live"
    await root.bearing(VALUE)("session/read")
    row = await token(sql, made["id"])
    assert row
    assert row["digest_scheme"].startswith("hmac-sha256:")
    assert row["digest"] == root.services.dispatcher.tokens.digests(VALUE)[0]
    assert (await listed(root))["hint"] == f"…{VALUE[-4:]}"


async def test_keeps_what_the_other_system_knew(root: Api, member: MemberMaker) -> None:
    """Owner, name, permissions, state, times and metadata are as the row says."""
    alice = await member("alice")
    given = {
        "owner": "alice",
        "name": "theirs",
        "permissions": {"read": True, "write": False},
        "enabled": False,
        "created": "2024-02-29T08:30:00+02:00",
        "expires": "2034-02-28T08:30:00.5Z",
        "metadata": {"team": "web", "plan": [1, {"a": None}]},
    }
    await root("api-tokens/import", [{"token": VALUE, **given}])
    [row] = await alice("api-tokens/read", {"where": {"name": "theirs"}})
    assert row["permissions"] == {"read": True}
    assert row["created"] == "2024-02-29T06:30:00Z"
    assert row["expires"] == "2034-02-28T08:30:00.500000Z"
    assert (row["enabled"], row["metadata"], row["role"]) == (False, given["metadata"], None)


async def test_a_row_needs_no_more_than_value_and_name(root: Api) -> None:
    """The rest is: the caller's own, no permissions, enabled, made now, for ever."""
    await root("api-tokens/import", [{"token": VALUE, "name": "theirs"}])
    [row] = await root("api-tokens/read", {"where": {"name": "theirs"}})
    assert (row["permissions"], row["enabled"], row["expires"]) == ({}, True, None)
    assert (row["role"], row["metadata"], row["created"]) == (None, {}, row["updated"])


async def test_null_counts_as_left_out(root: Api) -> None:
    """What other systems say of what they do not know is no fault."""
    others = ("digest", "scheme", "hint", "owner", "role", "permissions", "enabled", "created")
    row = dict.fromkeys([*others, "expires", "metadata"]) | {"token": VALUE, "name": "theirs"}
    assert await root("api-tokens/import", [row]) == NOBODY_REFUSED


async def test_says_who_imported_it(root: Api) -> None:
    """A token tells by whom and with which token it was taken in."""
    await root("api-tokens/import", [{"token": VALUE, "name": "theirs"}])
    created_by = (await listed(root))["created_by"]
    assert (created_by["user_name"], created_by["token_name"]) == ("root", "root")
    assert created_by["token_id"] == await root.token_id()


async def test_an_expired_token_is_history(root: Api) -> None:
    """What ended before it came is listed, and refused as expired."""
    row = {"token": VALUE, "name": "theirs", "expires": "2020-01-01T00:00:00Z"}
    assert await root("api-tokens/import", [row]) == NOBODY_REFUSED
    assert (await listed(root))["expires"] == "2020-01-01T00:00:00Z"
    refusal = await root.bearing(VALUE).refusal("session/read")
    assert refusal.text == "Session was deleted: the token has expired"


async def test_a_disabled_token_stays_disabled(root: Api) -> None:
    """What was switched off there is off here, until it is switched on."""
    await root("api-tokens/import", [{**BY_DIGEST, "enabled": False}])
    refusal = await root.bearing(VALUE).refusal("session/read")
    assert refusal.text == "Session is disabled: the token is disabled"
    await root("api-tokens/set-enabled", (await listed(root))["id"], True)
    await root.bearing(VALUE)("session/read")


async def test_takes_a_thousand_at_once(root: Api, sql: Sql) -> None:
    """A call takes as many as the schema says, and no more."""
    rows = [{"token": f"{VALUE}-{n}", "name": f"token {n}"} for n in range(1001)]
    assert (await root.refusal("api-tokens/import", rows)).code == -32808
    assert (await root("api-tokens/import", rows[:1000]))["imported"] == 1000
    assert await sql.fetchval("select count(*) from api_tokens where name like 'token %'") == 1000
    await root.bearing(f"{VALUE}-999")("session/read")


async def test_a_refused_row_keeps_no_other_out(root: Api) -> None:
    """Each row is judged by itself, and told by its place."""
    rows = [{"name": "x"}, {"token": VALUE, "name": "theirs"}, {"token": VALUE}]
    told = await root("api-tokens/import", rows)
    assert (told["imported"], [row["index"] for row in told["refused"]]) == (1, [0, 2])
    await root.bearing(VALUE)("session/read")


async def test_a_dry_run_changes_nothing(root: Api, sql: Sql) -> None:
    """It answers as the call would, and leaves neither token nor event behind."""
    rows = [{"token": VALUE, "name": "theirs"}, {"token": VALUE, "name": "b"}, {"name": "c"}]
    dry = await root("api-tokens/import", rows, {"dry_run": True})
    assert not await sql.fetchval("select exists (select from api_tokens where name = 'theirs')")
    assert await events(sql, "api-tokens/import") == []
    assert await sql.fetchval("select count(*) from import_rows") == 0
    assert dry == await root("api-tokens/import", rows, {"dry_run": False})


async def test_writes_one_event_for_a_call(root: Api, member: MemberMaker, sql: Sql) -> None:
    """Who imported how many is remembered, and how many of them were not the caller's to give."""
    await member("ann", ["read", "verify"])
    weak = await member("weak", ["read", "write", "admin"])
    rows = [{"token": f"{VALUE}-{n}", "name": f"token {n}"} for n in range(3)]
    rows += [{"token": f"{VALUE}-x", "name": "x", "owner": "ann"}, {"name": "y"}]
    await weak("api-tokens/import", rows)
    [event] = await events(sql, "api-tokens/import")
    assert event["actor_token"] == await weak.token_id()
    assert (event["target"], event["details"]) == ("None", {"imported": 3, "denied": 1})


async def test_writes_no_event_when_nothing_changes(root: Api, sql: Sql) -> None:
    """A call that finds everything present is none that changed anything."""
    for _ in range(2):
        await root("api-tokens/import", [BY_DIGEST])
    assert len(await events(sql, "api-tokens/import")) == 1


async def test_imports_nothing_without_its_event(root: Api, sql: Sql) -> None:
    """Tokens and their audit event are one: neither is there without the other."""
    await break_audit(sql)
    assert (await root.refusal("api-tokens/import", [BY_DIGEST])).code == 500
    assert await sql.fetchval("select count(*) from api_tokens") == 1
    assert await sql.fetchval("select count(*) from import_rows") == 0


async def test_stores_no_value(root: Api, sql: Sql) -> None:
    """Of a value given in plain the database holds a keyed digest, and no other."""
    await root("api-tokens/import", [{"token": VALUE, "name": "theirs"}])
    text = await stored(sql)
    assert "theirs" in text
    for part in (VALUE, VALUE[:20], VALUE.encode().hex(), SHA256.hexdigest()):
        assert part not in text


async def test_finds_tokens_by_indexes(root: Api) -> None:
    """A plan made while the tables are small is one that serves when they have grown."""
    statement = load()["api_tokens/import"]
    async with root.services.database.connection() as connection:
        values = [False, {}, None, None, None, {}, {}]
        plan = await connection.fetch(f"explain {statement.text}", *values)
    lines = [line for (line,) in plan if " Scan" in line and " on pg" not in line]
    for table in ("api_tokens", "users", "import_rows"):
        scans = [line for line in lines if f" on {table}" in line]
        assert scans
        assert not [line for line in scans if "Seq Scan" in line]
