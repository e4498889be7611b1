from typing import Any

from app.config import Settings
from app.services import open_services
from tests.methods.support import Sql, bearer, break_audit, events, stored, token, works
from tests.support import Api

OWN = "correct-horse-battery-staple"


async def secrets(api: Api, **options: Any) -> dict[str, str | None]:
    """The secrets of tokens, by their names."""
    rows = await api("api-tokens/read", {"secrets": True, **options})
    return {row["name"]: row["token"] for row in rows}


async def test_shows_secrets_to_an_administrator(keeper: Api) -> None:
    """Of each token that was made since, and of one alone."""
    made = await keeper("api-tokens/create", "ci")
    assert await secrets(keeper) == {"root": keeper.token, "ci": made["token"]}
    row = await keeper("api-tokens/read", {"secrets": True, "id": made["id"]})
    assert row == {**{n: v for n, v in made.items() if n != "token"}, "token": made["token"]}


async def test_shows_none_unless_asked(keeper: Api) -> None:
    """A list is a list."""
    await keeper("api-tokens/create", "ci")
    for options in ({}, {"secrets": False}):
        rows = await keeper("api-tokens/read", options)
        assert not any("token" in row for row in rows)


async def test_each_one_shown_is_an_event(keeper: Api, sql: Sql) -> None:
    """Of the token, by whoever saw it; without the secret, of course."""
    made = await keeper("api-tokens/create", "ci")
    await keeper("api-tokens/read")
    assert await events(sql, "api-tokens/read") == []
    await secrets(keeper, where={"name": "ci"})
    [event] = await events(sql, "api-tokens/read")
    assert (event["target"], event["actor_token"]) == (made["id"], await keeper.token_id())
    assert event["details"] == {"name": "ci", "secret": True}
    assert made["token"] not in await stored(sql)


async def test_what_cannot_be_told_is_not_shown(keeper: Api, sql: Sql) -> None:
    """Without an event there is no secret."""
    await break_audit(sql)
    assert (await keeper.refusal("api-tokens/read", {"secrets": True})).code == 500


async def test_others_see_none(keeper: Api, sql: Sql) -> None:
    """Without the permission to administer, not even one's own."""
    weak = await bearer(keeper, read=True, write=True, verify=True)
    assert set((await secrets(weak)).values()) == {None}
    assert await events(sql, "api-tokens/read") == []


async def test_nobody_sees_the_secret_of_what_is_stronger(keeper: Api, sql: Sql) -> None:
    """It would be a way to become that."""
    weak = await bearer(keeper, admin=True, read=True)
    await keeper("api-tokens/create", "reader", {"role": "read-only"})
    await keeper("api-tokens/create", "writer", {"role": "read-write"})
    shown = await secrets(weak)
    assert {name: bool(secret) for name, secret in shown.items()} == {
        "root": False,
        "made by a step": True,
        "reader": True,
        "writer": False,
    }
    told = {event["details"]["name"] for event in await events(sql, "api-tokens/read")}
    assert told == {"made by a step", "reader"}


async def test_own_values_are_kept_too(keeper: Api) -> None:
    """Given when a token is made, or later, or imported."""
    made = await keeper("api-tokens/create", "own", {"token": OWN})
    assert (await secrets(keeper))["own"] == OWN
    await keeper("api-tokens/update", made["id"], {"token": OWN[::-1]})
    assert (await secrets(keeper))["own"] == OWN[::-1]
    await keeper("api-tokens/update", made["id"], {"name": "renamed"})
    assert (await secrets(keeper))["renamed"] == OWN[::-1]
    await keeper("api-tokens/import", [{"name": "imported", "token": OWN}])
    assert (await secrets(keeper))["imported"] == OWN


async def test_a_rotated_secret_takes_the_place_of_the_one_before(keeper: Api) -> None:
    """What no longer works is not shown; nor is it while it still does."""
    made = await keeper("api-tokens/create", "ci")
    rotated = await keeper("api-tokens/rotate", made["id"], {"grace": "1h"})
    assert await works(keeper, made["token"])
    assert (await secrets(keeper))["ci"] == rotated["token"]


async def test_a_digest_tells_nobody_the_secret(keeper: Api) -> None:
    """What was imported by it is not kept."""
    await keeper(
        "api-tokens/import", [{"name": "imported", "digest": "0" * 64, "scheme": "sha256"}]
    )
    assert (await secrets(keeper))["imported"] is None


async def test_without_a_key_nothing_is_kept(root: Api, sql: Sql) -> None:
    """That is how a service is, unless its operator wants something else."""
    made = await root("api-tokens/create", "ci")
    await root("api-tokens/rotate", made["id"])
    assert await sql.fetchval("select count(*) from api_tokens where sealed is not null") == 0
    assert await secrets(root) == {"root": None, "ci": None}
    assert await events(sql, "api-tokens/read") == []


async def test_switched_off_it_shows_nothing_and_forgets_what_changes(
    keeper: Api, settings: Settings, sql: Sql
) -> None:
    """Copies stay until they are purged; that of a secret which is replaced goes with it."""
    kept, rotated = [await keeper("api-tokens/create", name) for name in ("kept", "rotated")]
    async with open_services(settings, serving=True) as services:
        off = Api(services, keeper.token)
        assert set((await secrets(off)).values()) == {None}
        await off("api-tokens/rotate", rotated["id"])
    assert (await secrets(keeper)).keys() == {"root", "kept", "rotated"}
    assert (await secrets(keeper))["kept"] == kept["token"]
    assert (await secrets(keeper))["rotated"] is None
    row = await token(sql, rotated["id"])
    assert row
    assert row["sealed"] is None
    assert await events(sql, "api-tokens/read") != []


async def test_finds_one_by_its_short_id(keeper: Api) -> None:
    """That one and no other; what is no id finds nothing."""
    made = await keeper("api-tokens/create", "ci")
    assert await secrets(keeper, where={"key_id": made["key_id"]}) == {"ci": made["token"]}
    for nobodys in ("00000000", "nonsense", "", "%", made["key_id"].upper() + "0"):
        assert await secrets(keeper, where={"key_id": nobodys}) == {}
