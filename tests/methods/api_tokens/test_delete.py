from asyncpg import Connection, Record

from tests.conftest import MemberMaker
from tests.support import MISSING_ID, Api


async def test_ends_the_token(root: Api) -> None:
    """A deleted token is refused at once, as an unknown one is."""
    made = await root("api-tokens/create", "short-lived")
    await root("api-tokens/delete", made["id"])
    refusal = await root.bearing(made["token"]).refusal("api-tokens/read")
    assert (refusal.code, refusal.status) == (-32815, 401)


async def test_refuses_a_foreign_token(root: Api, member: MemberMaker) -> None:
    """Another user's token, one that is not there, and an id that is none get one answer."""
    alice, bob = await member("alice"), await member("bob")
    for token_id in (await bob.token_id(), MISSING_ID, "nonsense", ""):
        refusal = await alice.refusal("api-tokens/delete", token_id)
        assert (refusal.code, refusal.text) == (404, "Token not found")
    assert await bob("api-tokens/read")


async def test_refuses_a_stronger_token(member: MemberMaker) -> None:
    """A token cannot delete one of the same user that holds more."""
    alice = await member("alice")
    weak = alice.bearing((await alice("api-tokens/create", "weak", {"role": "read-only"}))["token"])
    refusal = await weak.refusal("api-tokens/delete", await alice.token_id())
    assert refusal.code == -32811
    assert len(await alice("api-tokens/read")) == 2


async def test_an_administrator_deletes_others_tokens(root: Api, member: MemberMaker) -> None:
    """Permission admin reaches every user's tokens."""
    alice = await member("alice")
    await root("api-tokens/delete", await alice.token_id())
    assert (await alice.refusal("api-tokens/read")).code == -32815


async def test_writes_the_audit_event(root: Api, sql: "Connection[Record]") -> None:
    """What was deleted, by whom, and that it was allowed is remembered."""
    made = await root("api-tokens/create", "short-lived")
    await root("api-tokens/delete", made["id"])
    event = await sql.fetchrow("select * from audit_events where action = 'api-tokens/delete'")
    assert event
    assert str(event["target"]) == made["id"]
    assert str(event["actor_token"]) == await root.token_id()
    assert '"allowed": true' in event["details"]
