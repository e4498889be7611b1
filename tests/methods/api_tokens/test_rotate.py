import asyncio
from typing import Any

import pytest

from app.call import Failure, Success
from tests.conftest import MemberMaker
from tests.methods.support import (
    Sql,
    bearer,
    blocked,
    break_audit,
    events,
    moment,
    stored,
    token,
    unreachable,
    works,
)
from tests.support import MISSING_ID, Api


async def made(api: Api, **options: Any) -> dict[str, Any]:
    """A new token of the caller's, with its secret."""
    return dict(await api("api-tokens/create", "ci", options))


async def shown(api: Api, token_id: str) -> Any:
    """The rotation of a token, as it is listed."""
    return (await api("api-tokens/read", {"id": token_id}))["rotation"]


async def test_replaces_the_secret_and_nothing_else(root: Api) -> None:
    """Id, name, role, permissions, expiry and metadata stay; secret and hint are new."""
    before = await made(root, role="read-only", expires="30d", metadata={"team": "web"})
    after = await root("api-tokens/rotate", before["id"])
    assert {name for name in before if before[name] != after[name]} == {"token", "hint", "updated"}
    assert after["hint"].endswith(after["token"][-4:])


async def test_without_grace_the_old_secret_dies_at_once(root: Api) -> None:
    """From the answer on only the new secret works."""
    before = await made(root)
    after = await root("api-tokens/rotate", before["id"])
    assert not await works(root, before["token"])
    assert await works(root, after["token"])
    assert after["rotation"] is None


@pytest.mark.parametrize("grace", [900, "15m", "900s"])
async def test_with_grace_both_secrets_work(root: Api, grace: Any) -> None:
    """The old secret is as good as the new one for so long, and the row tells until when."""
    before = await made(root)
    after = await root("api-tokens/rotate", before["id"], {"grace": grace})
    assert await works(root, before["token"])
    assert await works(root, after["token"])
    assert await works(root, before["token"])
    assert not after["rotation"]["until_first_use"]
    assert await shown(root, before["id"]) == after["rotation"]


async def test_the_grace_ends(root: Api, sql: Sql) -> None:
    """When it is over the old secret is dead, and the row shows no rotation."""
    before = await made(root)
    after = await root("api-tokens/rotate", before["id"], {"grace": "7d"})
    await sql.execute("update api_tokens set previous_until = now()")
    assert not await works(root, before["token"])
    assert await works(root, after["token"])
    assert await shown(root, before["id"]) is None


@pytest.mark.parametrize(
    ("grace", "most"),
    [
        ("8d", "7 days"),
        ("169h", "7 days"),
        ("999999999w", "7 days"),
        (604_801, "604800"),
        (10**15, "604800"),
    ],
)
async def test_refuses_a_grace_of_more_than_a_week(root: Api, grace: Any, most: str) -> None:
    """Longer than seven days is a fault at its place, and nothing has changed."""
    before = await made(root)
    refusal = await root.refusal("api-tokens/rotate", before["id"], {"grace": grace})
    assert str(refusal.faults[0]) == f'Value at "/1/grace" must be at most {most}'
    assert await works(root, before["token"])


@pytest.mark.parametrize("grace", [-1, 1.5, "", "soon", "15", "-1d", "1y", [], True, "1d1h"])
async def test_refuses_a_grace_that_is_none(root: Api, grace: Any) -> None:
    """What is neither seconds nor a duration is a fault."""
    before = await made(root)
    refusal = await root.refusal("api-tokens/rotate", before["id"], {"grace": grace})
    assert (refusal.code, refusal.faults[0].path) == (-32808, "/1/grace")


async def test_the_grace_ends_with_the_token(root: Api) -> None:
    """The old secret never lives longer than it would have anyway, whatever the new expiry is."""
    before = await made(root, expires="1h")
    after = await root("api-tokens/rotate", before["id"], {"grace": "2h", "expires": "30d"})
    assert moment(after["rotation"]["ends"]) == moment(before["expires"])
    assert after["expires"] > before["expires"]


async def test_the_grace_ends_with_the_new_expiry(root: Api) -> None:
    """A token that is to end earlier takes its old secret with it."""
    before = await made(root)
    after = await root("api-tokens/rotate", before["id"], {"grace": "2h", "expires": "1h"})
    assert moment(after["rotation"]["ends"]) == moment(after["expires"])


async def test_expires_can_be_taken_away(root: Api) -> None:
    """Null is never; what is left out stays."""
    before = await made(root, expires="1h")
    assert (await root("api-tokens/rotate", before["id"]))["expires"] == before["expires"]
    after = await root("api-tokens/rotate", before["id"], {"expires": None})
    assert after["expires"] is None


@pytest.mark.parametrize("expires", ["2020-01-01T00:00:00Z", "0s", "nonsense"])
async def test_refuses_an_expiry_in_the_past(root: Api, expires: str) -> None:
    """A token is not rotated to its end."""
    before = await made(root)
    refusal = await root.refusal("api-tokens/rotate", before["id"], {"expires": expires})
    assert (refusal.code, refusal.faults[0].path) == (-32808, "/1/expires")
    assert await works(root, before["token"])


async def test_the_first_use_of_the_new_secret_can_end_it(root: Api, sql: Sql) -> None:
    """With `until_first_use` the old secret works until the new one was used, and then no more."""
    before = await made(root)
    options = {"grace": "1h", "until_first_use": True}
    after = await root("api-tokens/rotate", before["id"], options)
    assert await works(root, before["token"])
    assert await works(root, before["token"])
    assert await works(root, after["token"])
    assert not await works(root, before["token"])
    assert await shown(root, before["id"]) is None
    *_, event = await events(sql, "api-tokens/rotate")
    assert (event["actor_token"], event["target"]) == (before["id"], before["id"])
    assert event["details"] == {"name": "ci", "finished": "first use", "allowed": True}


async def test_a_barred_use_is_no_first_use(root: Api) -> None:
    """A new secret that is refused for being disabled leaves the rotation as it is."""
    before = await made(root)
    options = {"grace": "1h", "until_first_use": True}
    after = await root("api-tokens/rotate", before["id"], options)
    await root("api-tokens/set-enabled", before["id"], False)
    assert (await root.bearing(after["token"]).refusal("api-tokens/read")).code == -32813
    await root("api-tokens/set-enabled", before["id"], True)
    assert await works(root, before["token"])


async def test_refuses_until_first_use_without_grace(root: Api) -> None:
    """Without a grace there is nothing for the first use to end."""
    before = await made(root)
    refusal = await root.refusal("api-tokens/rotate", before["id"], {"until_first_use": True})
    assert str(refusal.faults[0]) == 'Value at "/1/until_first_use" needs a grace'


async def test_there_are_two_secrets_at_most(root: Api) -> None:
    """Rotating again ends the rotation that is running."""
    first = await made(root)
    second = await root("api-tokens/rotate", first["id"], {"grace": "1h"})
    third = await root("api-tokens/rotate", first["id"], {"grace": "1h"})
    working = [await works(root, row["token"]) for row in (first, second, third)]
    assert working == [False, True, True]


async def test_rotating_without_grace_ends_both(root: Api) -> None:
    """After that there is one secret."""
    first = await made(root)
    second = await root("api-tokens/rotate", first["id"], {"grace": "1h"})
    third = await root("api-tokens/rotate", first["id"])
    working = [await works(root, row["token"]) for row in (first, second, third)]
    assert working == [False, False, True]


async def test_a_token_may_rotate_itself(member: MemberMaker) -> None:
    """The caller's own token gets a new secret, with which it goes on."""
    alice = await member("alice")
    after = await alice("api-tokens/rotate", await alice.token_id())
    assert not await works(alice, str(alice.token))
    assert await works(alice, after["token"])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("enabled = false", "Token is disabled"),
        ("expires = now()", "Token has expired"),
        ("expires = '-infinity'", "Token has expired"),
    ],
)
async def test_refuses_a_token_that_does_not_work(
    root: Api, sql: Sql, change: str, text: str
) -> None:
    """A disabled or expired token gets no new secret, not even with a new expiry."""
    before = await made(root)
    await sql.execute(f"update api_tokens set {change} where name = 'ci'")
    for options in ({}, {"expires": "30d"}, {"idempotency_key": "1"}):
        refusal = await root.refusal("api-tokens/rotate", before["id"], options)
        assert (refusal.code, refusal.text) == (409, text)
    row = await token(sql, before["id"])
    assert row
    assert row["rotated"] is None


async def test_refuses_unreachable_tokens(member: MemberMaker, sql: Sql) -> None:
    """Another's token and one that is not there get the same answer, and nothing is written."""
    alice, ids = await unreachable(member)
    for token_id in ids:
        refusal = await alice.refusal("api-tokens/rotate", token_id)
        assert (refusal.code, refusal.text) == (404, "Token not found")
    assert await events(sql, "api-tokens/rotate") == []


async def test_refuses_a_stronger_token(member: MemberMaker, sql: Sql) -> None:
    """Rotating is no way to a secret that may do more; the attempt is audited."""
    alice = await member("alice")
    strong, weak = await alice.token_id(), await bearer(alice, read=True)
    assert (await weak.refusal("api-tokens/rotate", strong)).code == -32811
    assert await works(alice, str(alice.token))
    [event] = await events(sql, "api-tokens/rotate")
    assert event["details"]["allowed"] is False


async def test_an_administrator_rotates_for_others(root: Api, member: MemberMaker) -> None:
    """Who dominates a token may rotate it; it stays its owner's."""
    alice = await member("alice")
    after = await root("api-tokens/rotate", await alice.token_id())
    assert (await alice.bearing(after["token"])("session/read"))["user"]["name"] == "alice"


async def test_a_retry_gets_the_same_answer(root: Api) -> None:
    """With the same idempotency key no third secret is made: the second is answered again."""
    before = await made(root)
    options = {"grace": "1h", "idempotency_key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
    after = await root("api-tokens/rotate", before["id"], options)
    assert await root("api-tokens/rotate", before["id"], options) == after
    assert await works(root, before["token"])
    assert await works(root, after["token"])


async def test_another_key_makes_another_secret(root: Api) -> None:
    """A key stands for one rotation."""
    before = await made(root)
    one = await root("api-tokens/rotate", before["id"], {"idempotency_key": "1"})
    two = await root("api-tokens/rotate", before["id"], {"idempotency_key": "2"})
    assert one["token"] != two["token"]
    assert not await works(root, one["token"])


async def test_a_retry_that_was_overtaken_makes_no_secret(root: Api, sql: Sql) -> None:
    """A key that answered before the last rotation is refused, and the last secret stays good."""
    before = await made(root)
    for key in ("1", "2", "3", None):
        last = await root("api-tokens/rotate", before["id"], {"idempotency_key": key})
    for key in ("1", "2", "3"):
        refusal = await root.refusal("api-tokens/rotate", before["id"], {"idempotency_key": key})
        text = "Token has another secret by now than this idempotency key gave it"
        assert (refusal.code, refusal.text) == (409, text)
    assert await works(root, last["token"])
    await sql.execute("update api_tokens set rotated = rotated - interval '1 day'")
    assert (await root("api-tokens/rotate", before["id"], {"idempotency_key": "1"}))["token"]


async def test_a_key_is_one_users_and_one_tokens(root: Api, member: MemberMaker) -> None:
    """Nobody else gets at a secret by guessing the key, and no other token has the same."""
    alice = await member("alice")
    options = {"idempotency_key": "1"}
    mine, other = await made(alice), await made(alice)
    hers = await alice("api-tokens/rotate", mine["id"], options)
    assert (await alice("api-tokens/rotate", other["id"], options))["token"] != hers["token"]
    assert (await root("api-tokens/rotate", mine["id"], options))["token"] != hers["token"]
    assert not await works(root, hers["token"])


async def test_a_key_is_forgotten_after_a_day(root: Api, sql: Sql) -> None:
    """Used once more later, it makes a new secret that nobody has seen."""
    before, options = await made(root), {"idempotency_key": "monthly"}
    first = await root("api-tokens/rotate", before["id"], options)
    await sql.execute("update api_tokens set rotated = rotated - interval '1 day'")
    second = await root("api-tokens/rotate", before["id"], options)
    assert first["token"] != second["token"]
    assert await works(root, second["token"])


async def test_a_retry_does_not_bring_back_a_replaced_secret(root: Api) -> None:
    """If the token has got another value meanwhile, the key is of no use any more."""
    before, options = await made(root), {"idempotency_key": "1"}
    await root("api-tokens/rotate", before["id"], options)
    await root("api-tokens/update", before["id"], {"token": "correct-horse-battery-staple"})
    refusal = await root.refusal("api-tokens/rotate", before["id"], options)
    assert (refusal.code, refusal.text) == (
        409,
        "Token has another secret by now than this idempotency key gave it",
    )
    assert await works(root, "correct-horse-battery-staple")


async def test_a_retry_is_audited(root: Api, sql: Sql) -> None:
    """To have a secret again is told in the audit trail, and dominance holds for it too."""
    alice_options = {"idempotency_key": "1"}
    before = await made(root, permissions={"read": True})
    await root("api-tokens/rotate", before["id"], alice_options)
    await root("api-tokens/rotate", before["id"], alice_options)
    told = [event["details"]["repeated"] for event in await events(sql, "api-tokens/rotate")]
    assert told == [False, True]
    weak = await bearer(root)
    assert (await weak.refusal("api-tokens/rotate", before["id"], alice_options)).code == -32811


async def test_of_two_rotations_at_once_one_wins(root: Api, sql: Sql) -> None:
    """The other is told so, and the winner's secret stays good."""
    before = await made(root)
    async with sql.transaction():
        await sql.execute("select from api_tokens where name = 'ci' for update")
        calls = [
            asyncio.ensure_future(root.result("api-tokens/rotate", before["id"])) for _ in range(2)
        ]
        await blocked(sql, 2)
    results = await asyncio.gather(*calls)
    [loser] = [result for result in results if isinstance(result, Failure)]
    [winner] = [result for result in results if isinstance(result, Success)]
    text = "Token was rotated by somebody else at the same moment"
    assert (loser.code, loser.text) == (409, text)
    assert await works(root, winner.data["token"])
    assert len(await events(sql, "api-tokens/rotate")) == 1


async def test_of_two_rotations_at_once_with_one_key_both_get_the_same(root: Api, sql: Sql) -> None:
    """A retry that does not wait for its first try makes no third secret either."""
    before, options = await made(root), {"idempotency_key": "1", "grace": "1h"}
    async with sql.transaction():
        await sql.execute("select from api_tokens where name = 'ci' for update")
        calls = [
            asyncio.ensure_future(root("api-tokens/rotate", before["id"], options))
            for _ in range(2)
        ]
        await blocked(sql, 2)
    first, second = await asyncio.gather(*calls)
    assert first == second
    assert first["rotation"]


async def test_the_same_moment_as_a_first_use_is_no_conflict(root: Api, sql: Sql) -> None:
    """A digest that is moved to the current key meanwhile is no rotation."""
    before = await made(root)
    async with sql.transaction():
        await sql.execute("update api_tokens set digest = 'moved' where name = 'ci'")
        call = asyncio.ensure_future(root("api-tokens/rotate", before["id"]))
        await blocked(sql, 1)
    assert await works(root, (await call)["token"])


async def test_the_same_moment_as_another_change_is_no_conflict(root: Api, sql: Sql) -> None:
    """Only the secret counts: a token renamed meanwhile is rotated all the same."""
    before = await made(root)
    async with sql.transaction():
        await sql.execute("update api_tokens set name = 'renamed' where name = 'ci'")
        call = asyncio.ensure_future(root("api-tokens/rotate", before["id"]))
        await blocked(sql, 1)
    assert (await call)["name"] == "renamed"


async def test_keeps_only_digests(root: Api, sql: Sql) -> None:
    """Neither secret stands anywhere in the database, nor the idempotency key."""
    before = await made(root)
    after = await root(
        "api-tokens/rotate", before["id"], {"grace": "1h", "idempotency_key": "one-of-a-kind"}
    )
    kept = await stored(sql)
    for secret in (before["token"], after["token"], "one-of-a-kind"):
        assert secret not in kept
        assert secret.encode().hex() not in kept


async def test_is_undone_without_its_audit_event(root: Api, sql: Sql) -> None:
    """The change and its event are one statement: without the one there is not the other."""
    before = await made(root)
    await break_audit(sql)
    assert (await root.refusal("api-tokens/rotate", before["id"])).code == 500
    assert await works(root, before["token"])


async def test_writes_one_audit_event(root: Api, sql: Sql) -> None:
    """It tells who rotated which token, until when the old secret works, and no secret."""
    before = await made(root)
    after = await root("api-tokens/rotate", before["id"], {"grace": "1h"})
    [event] = await events(sql, "api-tokens/rotate")
    assert (event["actor_token"], event["target"]) == (await root.token_id(), before["id"])
    ends = event["details"].pop("previous_until")
    assert moment(ends) == moment(after["rotation"]["ends"])
    assert event["details"] == {"name": "ci", "repeated": False, "allowed": True}


async def test_the_old_value_cannot_be_chosen_meanwhile(root: Api) -> None:
    """While the secret before still works nobody can take it as a value of their own."""
    own = "correct-horse-battery-staple"
    before = await made(root, token=own)
    await root("api-tokens/rotate", before["id"], {"grace": "1h"})
    refusal = await root.refusal("api-tokens/create", "thief", {"token": own})
    assert (refusal.code, refusal.text) == (409, "Token value is taken")
    assert await works(root, own)


async def test_a_malformed_id_is_not_there(root: Api) -> None:
    """An id that is none, or nobody's, is answered alike."""
    for token_id in ("nonsense", MISSING_ID):
        refusal = await root.refusal("api-tokens/rotate", token_id, {"idempotency_key": "1"})
        assert (refusal.code, refusal.text) == (404, "Token not found")
