from typing import Any

import pytest

from app.seals.sealing import seal_all
from tests.conftest import MemberMaker
from tests.methods.audit.conftest import ANN, BEN, TRAIL, letters
from tests.methods.support import INJECTIONS, Sql, bearer
from tests.support import MISSING_ID, Api

COLUMNS = {
    "id",
    "at",
    "actor_user",
    "actor_name",
    "actor_token",
    "actor_session",
    "action",
    "target",
    "details",
    "seal",
}


async def test_lists_the_newest_first(trail: Api) -> None:
    """Without an order the last event comes first."""
    assert await letters(trail) == "gfedcba"
    answer = await trail.success("audit/read")
    assert answer.meta == {"rows": len(TRAIL) + 2, "next_page": False, "next_cursor": None}
    assert [row["action"] for row in answer.data[:2]] == ["api-tokens/create", "users/create"]


async def test_tells_what_happened(root: Api, sql: Sql) -> None:
    """An event tells when, who, by what, what, and to what; the name is the user's of today."""
    made = await root("api-tokens/create", "ci", {"permissions": {"read": True}})
    [event, *_] = await root("audit/read")
    user, token = made["created_by"]["user_id"], made["created_by"]["token_id"]
    assert event == {
        "id": event["id"],
        "at": made["created"],
        "actor_user": user,
        "actor_name": "root",
        "actor_token": token,
        "actor_session": None,
        "action": "api-tokens/create",
        "target": made["id"],
        "details": event["details"],
        "seal": None,
    }
    assert event["details"]["name"] == "ci"
    await sql.execute("update users set name = 'toor'")
    assert (await root("audit/read", {"id": event["id"]}))["actor_name"] == "toor"


async def test_tells_the_session(root: Api, sql: Sql) -> None:
    """What a person signed in does is told with their session."""
    hashed = await root.services.dispatcher.accounts.passwords.hash("correct horse battery")
    await sql.execute("update users set password_hash = $1", hashed)
    signed_in = await root("session/sign-in", "root", "correct horse battery")
    await root.bearing(signed_in["token"])("api-tokens/create", "ci")
    made, entered, *_ = await root("audit/read")
    assert made["actor_session"] == entered["actor_session"] == signed_in["session"]["id"]
    assert (made["actor_token"], entered["action"]) == (None, "session/sign-in")


async def test_tells_of_people_who_are_gone(trail: Api) -> None:
    """An event outlives its user: the id stays, the name is unknown."""
    [event] = await trail("audit/read", {"where": {"action": "lab/c"}})
    assert (event["actor_user"], event["actor_name"]) == (BEN, None)


async def test_tells_the_seal(root: Api) -> None:
    """Once an event is sealed it bears the number of its seal."""
    services = root.services
    await seal_all(services.sql, services.dispatcher.tokens.keys[0])
    await root("api-tokens/create", "not sealed")
    assert [row["seal"] for row in await root("audit/read")] == [None, 1, 1]


async def test_never_shows_a_secret(root: Api) -> None:
    """Nothing but the described columns is answered, and no event has a secret in it."""
    secret = "correct-horse-battery-staple"
    await root("api-tokens/create", "ci", {"token": secret})
    events = await root("audit/read")
    assert all(event.keys() == COLUMNS for event in events)
    for text in (secret, str(root.token)):
        assert text not in repr(events)


async def test_reads_one(trail: Api) -> None:
    """An id is answered with that event as an object."""
    [event] = await trail("audit/read", {"where": {"action": "lab/c"}})
    assert await trail("audit/read", {"id": event["id"]}) == event
    assert await trail("audit/read", {"id": event["id"], "owner": BEN}) == event


@pytest.mark.parametrize("event_id", [MISSING_ID, "nonsense", "", *INJECTIONS])
async def test_refuses_an_id_that_is_not_there(trail: Api, event_id: str) -> None:
    """A missing id and a malformed one get one answer."""
    for owner in ("all", "me", ANN):
        refusal = await trail.refusal("audit/read", {"id": event_id, "owner": owner})
        assert (refusal.code, refusal.text) == (404, "Event not found")


# Whose


async def test_shows_an_administrator_everybodys(member: MemberMaker) -> None:
    """Without an owner nobody's events are left out."""
    admin = await member("carol", ["admin"])
    await (await member("alice"))("api-tokens/create", "hers")
    events = await admin("audit/read")
    assert events == await admin("audit/read", {"owner": "all"})
    assert {event["actor_name"] for event in events} == {"root", "carol", "alice"}


@pytest.mark.parametrize(("owner", "expected"), [(ANN, "fecba"), (BEN, "dcb"), (MISSING_ID, "")])
async def test_shows_an_administrator_one_users(trail: Api, owner: str, expected: str) -> None:
    """A user's events are those they brought about or were the target of, each once."""
    assert await letters(trail, owner=owner) == expected


@pytest.mark.parametrize("owner", ["nonsense", "", "ALL", "root", *INJECTIONS])
async def test_shows_nothing_of_a_user_who_is_not_there(trail: Api, owner: str) -> None:
    """An owner who is not there has no events."""
    answer = await trail.success("audit/read", {"owner": owner, "count": True})
    assert (answer.data, answer.meta["total_rows"]) == ([], 0)


async def test_shows_everybody_their_own(root: Api, member: MemberMaker, sql: Sql) -> None:
    """With owner "me" any token shows what its user did and what was done to them, and no more."""
    alice = await member("alice")
    made = await alice("api-tokens/create", "hers")
    powerless = await bearer(alice)
    bob = await member("bob")
    await bob("api-tokens/create", "his")
    [user] = await root("users/read", {"where": {"name": "alice"}})
    failed = await root.refusal("session/sign-in", "alice", "not her password")
    assert failed.code == -32812
    events = await powerless("audit/read", {"owner": "me", "order_by": ["at"]})
    assert [(event["action"], event["actor_name"]) for event in events] == [
        ("users/create", "root"),
        ("api-tokens/create", "alice"),
        ("api-tokens/create", "alice"),
        ("api-tokens/create", "alice"),
        ("session/sign-in", None),
    ]
    assert (events[0]["target"], events[2]["target"]) == (user["id"], made["id"])


async def test_an_administrators_own_are_their_own(trail: Api) -> None:
    """Owner "me" narrows for administrators too."""
    assert await letters(trail, owner="me") == ""
    assert {row["actor_name"] for row in await trail("audit/read", {"owner": "me"})} == {"root"}


async def test_refuses_a_foreign_event(root: Api, member: MemberMaker) -> None:
    """Another user's event, by its id, is answered as one that is not there."""
    alice = await member("alice")
    [event, *_] = await root("audit/read", {"owner": "me", "where": {"target": ["!=", None]}})
    [theirs] = [row for row in await root("audit/read") if row["details"].get("name") == "root"]
    refusal = await alice.refusal("audit/read", {"owner": "me", "id": theirs["id"]})
    assert (refusal.code, refusal.text) == (404, "Event not found")
    assert (await root("audit/read", {"owner": "me", "id": event["id"]})) == event


@pytest.mark.parametrize(
    "options", [{}, {"owner": "all"}, {"owner": MISSING_ID}, {"owner": ""}, {"id": MISSING_ID}]
)
async def test_refuses_other_owners_without_permission_admin(
    member: MemberMaker, options: dict[str, Any]
) -> None:
    """What others do is for administrators to know."""
    alice = await member("alice", ["read", "write", "verify"])
    refusal = await alice.refusal("audit/read", options)
    assert (refusal.code, refusal.status) == (-32811, 403)


async def test_refuses_an_administrators_weak_token(member: MemberMaker) -> None:
    """What counts is what the token may do, not what its user may."""
    weak = await member("carol", ["admin", "read"], {"read": True})
    assert (await weak.refusal("audit/read")).code == -32811
