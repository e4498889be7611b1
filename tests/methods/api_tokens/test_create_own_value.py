import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.config import Settings
from app.key_file import new_key
from app.services import open_services
from tests.conftest import MemberMaker
from tests.methods.support import Sql, bearer, break_audit, events, stored, token
from tests.support import KEY, Api, first_token

OWN = "correct-horse-battery-staple"


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
        "session_correct-horse-battery-staple",
        "session_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo0QkdzH",
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


async def test_a_value_is_taken_under_a_retired_key_too(settings: Settings) -> None:
    """After a change of keys nobody can be given a value that somebody has, and it stays theirs."""
    async with open_services(settings, serving=True) as services:
        root = Api(services, await first_token(services))
        theirs = await root("api-tokens/create", "theirs", {"token": OWN})
    keys = f"{new_key()},{KEY}"
    async with open_services(replace(settings, key=keys), serving=True) as services:
        again = Api(services, root.token)
        refusal = await again.refusal("api-tokens/create", "mine", {"token": OWN})
        assert (refusal.code, refusal.text) == (409, "Token value is taken")
        assert await again.bearing(OWN).token_id() == theirs["id"]
