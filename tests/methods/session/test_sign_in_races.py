"""What happens to a user while they are signing in."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.config import Settings
from app.services import open_services
from tests.methods.support import Sql, blocked, signed_in
from tests.people import PASSWORD, after_the_check, person
from tests.support import Api, first_token

SIGN_IN = "session/sign-in"
ANOTHER = "another battery of hers"


@pytest.mark.parametrize("password", [ANOTHER, PASSWORD, None])
async def test_an_outdated_password_begins_no_session(
    root: Api, sql: Sql, monkeypatch: pytest.MonkeyPatch, password: str | None
) -> None:
    """One that is changed right after it was checked is a wrong one, even if set to the same."""
    user_id = await person(root)
    after_the_check(monkeypatch, lambda: root("users/set-password", user_id, password))
    assert (await root.refusal(SIGN_IN, "alice", PASSWORD)).code == -32812
    assert await sql.fetchval("select count(*) from sessions") == 0


async def test_a_user_disabled_meanwhile_gets_no_session(
    root: Api, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even if they are enabled again before the answer."""
    user_id = await person(root)

    async def off_and_on() -> None:
        await root("users/set-enabled", user_id, False)
        await root("users/set-enabled", user_id, True)

    after_the_check(monkeypatch, off_and_on)
    assert (await root.refusal(SIGN_IN, "alice", PASSWORD)).code == -32812
    assert await sql.fetchval("select count(*) from sessions") == 0


async def test_a_user_deleted_meanwhile_gets_no_session(
    root: Api, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are answered as one who never was."""
    await person(root)
    after_the_check(monkeypatch, lambda: sql.execute("delete from users where name = 'alice'"))
    assert (await root.refusal(SIGN_IN, "alice", PASSWORD)).code == -32812


async def test_a_session_stored_too_late_is_dead(root: Api, sql: Sql) -> None:
    """One whose password is changed while it is being stored never works."""
    user_id = await person(root)
    async with sql.transaction():
        # The session's foreign key waits for this row, after the statement has seen its epoch.
        await sql.execute("select from users where name = 'alice' for update")
        late = asyncio.ensure_future(signed_in(root, "alice", PASSWORD))
        await blocked(sql, 1)
        change = asyncio.ensure_future(root("users/set-password", user_id, ANOTHER))
        await blocked(sql, 2)
    alice = await late
    await change
    assert (await alice.refusal("session/read")).code == -32812
    assert await signed_in(root, "alice", ANOTHER)


@pytest.fixture
async def renewing(settings: Settings) -> AsyncIterator[Api]:
    """A service after a change of the memory, with a person alice whose hash is outdated."""
    async with open_services(settings, serving=True) as services:
        root = Api(services, await first_token(services))
        await person(root)
    async with open_services(replace(settings, password_memory=64), serving=True) as services:
        yield Api(services, root.token)


async def test_a_hash_renewed_meanwhile_bars_nobody(
    renewing: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two who sign in with the same right password, both do."""
    after_the_check(monkeypatch, lambda: signed_in(renewing, "alice", PASSWORD))
    alice = await signed_in(renewing, "alice", PASSWORD)
    assert await alice("session/read")


async def test_a_renewed_hash_replaces_no_new_password(renewing: Api, sql: Sql) -> None:
    """What is set while another is being renewed stays, and ends the session all the same."""
    hashed = await renewing.services.dispatcher.accounts.passwords.hash(ANOTHER)
    async with sql.transaction():
        await sql.execute(
            "update users set password_hash = $1, session_epoch = session_epoch + 1"
            " where name = 'alice'",
            hashed,
        )
        late = asyncio.ensure_future(signed_in(renewing, "alice", PASSWORD))
        await blocked(sql, 1)
    assert (await (await late).refusal("session/read")).code == -32812
    assert await signed_in(renewing, "alice", ANOTHER)
