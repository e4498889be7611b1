"""What is there already is not taken in twice, whatever became of it in the meantime."""

import asyncio
import hashlib
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from app.config import Settings
from app.key_file import new_key
from app.services import open_services
from tests.conftest import MemberMaker
from tests.methods.support import Sql, blocked
from tests.support import KEY, Api, first_token

VALUE = "acme-live-4f9TnQ2xLw8ZrK"
SHA256 = hashlib.sha256(VALUE.encode())
PLAIN = {"token": VALUE, "name": "theirs"}
BY_SHA256 = {"digest": SHA256.hexdigest(), "scheme": "sha256", "name": "theirs"}
BY_SHA512 = {
    "digest": hashlib.sha512(VALUE.encode()).hexdigest(),
    "scheme": "sha512",
    "name": "theirs",
}
TAKEN = ["Token value is taken"]


async def outcome(api: Api, *rows: dict[str, Any]) -> list[Any]:
    """What became of each row: how many are new, how many present, and why others are refused."""
    answer = await api("api-tokens/import", list(rows))
    return [answer["imported"], answer["present"], *(row["errors"] for row in answer["refused"])]


async def tokens(sql: Sql) -> int:
    """How many tokens there are besides those that callers use."""
    return int(
        await sql.fetchval("select count(*) from api_tokens where import_fingerprint is not null")
    )


@pytest.mark.parametrize("row", [PLAIN, BY_SHA256, BY_SHA512])
async def test_the_same_row_is_present(root: Api, sql: Sql, row: dict[str, Any]) -> None:
    """A call may be repeated: the second one finds all there."""
    assert await outcome(root, row) == [1, 0]
    assert await outcome(root, row) == [0, 1]
    assert await tokens(sql) == 1


@pytest.mark.parametrize("row", [PLAIN, BY_SHA256, BY_SHA512])
async def test_a_token_in_use_is_present(root: Api, sql: Sql, row: dict[str, Any]) -> None:
    """It is known by the digest it came with, though it has moved to our key."""
    await outcome(root, row)
    await root.bearing(VALUE)("session/read")
    assert await outcome(root, row) == [0, 1]
    assert await tokens(sql) == 1


@pytest.mark.parametrize("row", [PLAIN, BY_SHA256])
@pytest.mark.parametrize("grace", [0, "1h"])
async def test_a_rotated_token_is_present(
    root: Api, sql: Sql, row: dict[str, Any], grace: Any
) -> None:
    """Its old secret is not brought back to life by the file it came from."""
    await outcome(root, row)
    [made] = await root("api-tokens/read", {"where": {"name": "theirs"}})
    await root("api-tokens/rotate", made["id"], {"grace": grace})
    assert await outcome(root, row) == [0, 1]
    assert await tokens(sql) == 1


async def test_a_changed_token_keeps_its_changes(root: Api) -> None:
    """What is present is left as it is, whatever the row says."""
    await outcome(root, PLAIN)
    [made] = await root("api-tokens/read", {"where": {"name": "theirs"}})
    await root("api-tokens/set-enabled", made["id"], False)
    assert await outcome(root, {**PLAIN, "role": "read-only", "enabled": True}) == [0, 1]
    [now] = await root("api-tokens/read", {"where": {"name": "theirs"}})
    assert (now["enabled"], now["permissions"]) == (False, {})


async def test_a_renamed_token_is_taken(root: Api, sql: Sql) -> None:
    """Under another name it may be another's mistake: it is told, and not taken in twice."""
    await outcome(root, BY_SHA256)
    [made] = await root("api-tokens/read", {"where": {"name": "theirs"}})
    await root("api-tokens/update", made["id"], {"name": "ours"})
    assert await outcome(root, BY_SHA256) == [0, 0, TAKEN]
    assert await tokens(sql) == 1


async def test_a_deleted_token_comes_back(root: Api) -> None:
    """Nothing is remembered of what was deleted."""
    await outcome(root, BY_SHA256)
    [made] = await root("api-tokens/read", {"where": {"name": "theirs"}})
    await root("api-tokens/delete", made["id"])
    assert await outcome(root, BY_SHA256) == [1, 0]


async def test_a_token_that_was_made_here_is_known(root: Api, sql: Sql) -> None:
    """A plain value is found among all tokens, not only among imported ones."""
    await root("api-tokens/create", "theirs", {"token": VALUE})
    assert await outcome(root, PLAIN) == [0, 1]
    assert await outcome(root, {**PLAIN, "name": "another"}) == [0, 0, TAKEN]
    assert await tokens(sql) == 0


async def test_the_value_of_a_running_rotation_is_known(root: Api) -> None:
    """While a former secret works it is somebody's."""
    made = await root("api-tokens/create", "theirs", {"token": VALUE})
    await root("api-tokens/rotate", made["id"], {"grace": "1h"})
    assert await outcome(root, PLAIN) == [0, 1]


@pytest.mark.parametrize("first", [BY_SHA256, BY_SHA512])
async def test_a_value_is_known_by_its_digest(root: Api, first: dict[str, Any]) -> None:
    """The same token once by digest and then in plain is one token."""
    assert await outcome(root, first) == [1, 0]
    assert await outcome(root, PLAIN) == [0, 1]
    await root.bearing(VALUE)("session/read")
    assert await outcome(root, PLAIN, first) == [0, 2]


async def test_does_not_tell_whose_it_is(root: Api, member: MemberMaker) -> None:
    """Somebody else's token, and one of the owner's own with another name, are both "taken"."""
    await member("alice")
    await outcome(root, BY_SHA256)
    assert await outcome(root, {**BY_SHA256, "owner": "alice"}) == [0, 0, TAKEN]
    assert await outcome(root, {**BY_SHA256, "name": "another"}) == [0, 0, TAKEN]


async def test_a_value_is_known_under_a_retired_key(settings: Settings) -> None:
    """After a change of keys a plain value is still the one it was."""
    async with open_services(settings, serving=True) as services:
        root = Api(services, await first_token(services))
        await outcome(root, PLAIN)
    keys = f"{new_key()},{KEY}"
    async with open_services(replace(settings, key=keys), serving=True) as services:
        assert await outcome(Api(services, root.token), PLAIN) == [0, 1]


# Within one call


@pytest.mark.parametrize(
    "rows",
    [(PLAIN, PLAIN), (BY_SHA256, BY_SHA256), (PLAIN, BY_SHA256), (BY_SHA512, PLAIN)],
)
async def test_the_first_of_a_call_wins(
    root: Api, sql: Sql, member: MemberMaker, rows: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    """A later row with the same value is judged as it would be by a later call."""
    await member("alice")
    one, two = rows
    others = [{**two, "name": "another"}, {**two, "owner": "alice"}]
    assert await outcome(root, one, two, *others) == [1, 1, TAKEN, TAKEN]
    assert await tokens(sql) == 1


async def test_one_value_in_three_spellings_is_one_token(root: Api, sql: Sql) -> None:
    """What only a third row shows to be the same is seen from there on."""
    assert await outcome(root, BY_SHA256, PLAIN, BY_SHA512) == [1, 2]
    assert await tokens(sql) == 1


async def test_a_refused_row_is_not_the_first(root: Api, sql: Sql) -> None:
    """A row that was refused for another reason does not stand in the way of a good one."""
    bad = {**BY_SHA256, "owner": "nobody"}
    worse = {**BY_SHA256, "role": "king"}
    told = await outcome(root, bad, worse, BY_SHA256, BY_SHA256)
    assert told == [1, 1, ['There is no user "nobody"'], ['Role "king" is not valid']]
    assert await tokens(sql) == 1


# At the same moment


@pytest.mark.parametrize("column", ["digest", "import_fingerprint"])
async def test_sees_what_is_stored_meanwhile(
    root: Api, database_url: str, sql: Sql, column: str
) -> None:
    """A row that another call outruns is present, and those beside it are imported."""
    [fingerprint] = root.services.dispatcher.tokens.fingerprints([SHA256.digest()])
    theirs = {"digest": SHA256.digest(), "import_fingerprint": fingerprint}
    digests = {"digest": b"another", column: theirs[column]}
    other = await asyncpg.connect(database_url)
    async with other.transaction():
        await other.execute(
            "insert into api_tokens"
            " (user_id, name, digest, import_fingerprint, digest_scheme, hint, created_by)"
            " select id, 'theirs', $1, $2, 'sha256', '', '{}' from users where name = 'root'",
            digests["digest"],
            digests.get("import_fingerprint"),
        )
        beside = {"token": f"{VALUE}-2", "name": "beside"}
        call = asyncio.create_task(outcome(root, BY_SHA256, beside))
        await blocked(sql, 1)
    assert await call == [1, 1]
    await other.close()


async def test_many_at_once_import_each_token_once(root: Api, sql: Sql) -> None:
    """Calls with the same rows in other orders end well, and neither wait for ever nor repeat."""
    rows = [{"token": f"{VALUE}-{n}", "name": f"token {n}"} for n in range(50)]
    told = await asyncio.gather(*(outcome(root, *rows[n:], *rows[:n]) for n in (0, 10, 20, 30)))
    assert sum(imported for imported, _ in told) == len(rows)
    assert {imported + present for imported, present in told} == {len(rows)}
    assert await tokens(sql) == len(rows)
