import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from app.config import Settings
from app.errors import Refusal
from app.passwords import MOST_WAITING, Passwords
from app.services import Services
from tests.people import PASSWORD, attempt, held_hashes, person, record_work
from tests.support import Api, until

WORKERS = 2


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    """Passwords that cost as little as they can."""
    made = Passwords(32, WORKERS)
    yield made
    made.close()


async def test_hashes_with_argon2id(passwords: Passwords) -> None:
    """The variant and the numbers stand in the hash, as everywhere else."""
    assert (await passwords.hash(PASSWORD)).startswith("$argon2id$v=19$m=32,t=3,p=4$")


def test_takes_the_memory_that_rfc_9106_recommends() -> None:
    """Unless an operator says otherwise: the second choice of section 4, 64 MiB."""
    assert Settings().password_memory == 64 * 1024


async def test_tells_the_right_password(passwords: Passwords) -> None:
    """That one and no other: not another case of it, a part of it, or more."""
    stored = await passwords.hash(PASSWORD)
    assert await passwords.is_right(PASSWORD, stored)
    for wrong in ("", PASSWORD[:-1], PASSWORD + " ", PASSWORD.upper(), stored):
        assert not await passwords.is_right(wrong, stored)


async def test_a_long_password_counts_to_its_end(passwords: Passwords) -> None:
    """Nothing is cut off."""
    stored = await passwords.hash("x" * 1024)
    assert await passwords.is_right("x" * 1024, stored)
    assert not await passwords.is_right("x" * 1023 + "y", stored)


async def test_equal_passwords_have_different_hashes(passwords: Passwords) -> None:
    """Each has a salt of its own."""
    assert await passwords.hash(PASSWORD) != await passwords.hash(PASSWORD)


@pytest.mark.parametrize(
    ("set_as", "typed"),
    [("\u00e9", "e\u0301"), ("e\u0301", "\u00e9"), ("\u212b", "\u00c5"), ("\uff11", "1")],
)
async def test_a_spelling_is_as_good_as_another(
    passwords: Passwords, set_as: str, typed: str
) -> None:
    """What looks the same is the same, whichever keyboard it is typed on."""
    stored = await passwords.hash(f"caf{set_as} au lait")
    assert await passwords.is_right(f"caf{typed} au lait", stored)


@pytest.mark.parametrize("password", ["\0" * 12, "a\0b", "🎈" * 12, "\u202e" * 12])
async def test_takes_any_text(passwords: Passwords, password: str) -> None:
    """Whatever a schema lets through, a NUL ends nothing."""
    stored = await passwords.hash(password)
    assert await passwords.is_right(password, stored)
    assert not await passwords.is_right(password[:-1], stored)


@pytest.mark.parametrize(("stored", "work"), [(True, ["verify"]), (False, ["hash"])])
async def test_without_a_hash_it_works_as_hard(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch, stored: bool, work: list[str]
) -> None:
    """There is one run of Argon2 either way, and without a hash the answer is no."""
    hashed = await passwords.hash(PASSWORD) if stored else None
    done = record_work(monkeypatch)
    assert await passwords.is_right(PASSWORD, hashed) is stored
    assert done == work


async def test_knows_hashes_of_other_parameters(passwords: Passwords) -> None:
    """A change of the memory makes the hashes of before outdated, and only those."""
    more = Passwords(64, WORKERS)
    assert more.is_outdated(await passwords.hash(PASSWORD))
    assert not more.is_outdated(await more.hash(PASSWORD))
    assert await more.is_right(PASSWORD, await passwords.hash(PASSWORD))
    more.close()


async def test_others_are_served_meanwhile(root: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """While passwords are checked, every other call goes on as ever."""
    with held_hashes(monkeypatch) as gate:
        held = [asyncio.ensure_future(attempt(root, f"{n}", PASSWORD)) for n in range(4)]
        await gate.until_inside(root.services.settings.password_workers)
        assert (await root("session/read"))["user"]["name"] == "root"
        assert not any(task.done() for task in held)
    assert {getattr(answer, "code", None) for answer in await asyncio.gather(*held)} == {-32812}


async def test_makes_so_many_at_a_time(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are never more threads at it, and so never more memory, than an operator allows."""
    with held_hashes(monkeypatch) as gate:
        tasks = started(*(passwords.hash(PASSWORD) for _ in range(10)))
        await gate.until_inside(WORKERS)
    await asyncio.gather(*tasks)
    assert gate.most_inside == WORKERS


async def test_refuses_to_let_more_wait(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes to a full queue is told at once to come back, and then served."""
    with held_hashes(monkeypatch) as gate:
        tasks = started(*(passwords.hash(PASSWORD) for _ in range(WORKERS + MOST_WAITING)))
        await gate.until_inside(WORKERS)
        for call in (passwords.hash(PASSWORD), passwords.is_right(PASSWORD, None)):
            with pytest.raises(Refusal) as caught:
                await call
            assert (caught.value.code, caught.value.retry_after) == (-32802, 1)
    await asyncio.gather(*tasks)
    assert await passwords.hash(PASSWORD)


async def test_who_leaves_keeps_the_place_until_the_work_is_done(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller who gives up does not make room: the thread works on."""
    with held_hashes(monkeypatch) as gate:
        tasks = started(*(passwords.hash(PASSWORD) for _ in range(WORKERS + MOST_WAITING)))
        await gate.until_inside(WORKERS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with pytest.raises(Refusal):
            await passwords.hash(PASSWORD)

    async def room() -> bool:
        try:
            return bool(await passwords.hash(PASSWORD))
        except Refusal:
            return False

    await until(room)


async def test_a_full_queue_takes_no_attempt_away(
    services: Services, root: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was refused before the password was looked at may try as often as before."""
    await person(root)
    burst, workers = services.settings.sign_in_attempts, services.settings.password_workers
    with held_hashes(monkeypatch) as gate:
        passwords = services.dispatcher.accounts.passwords
        tasks = started(*(passwords.hash(PASSWORD) for _ in range(workers + MOST_WAITING)))
        await gate.until_inside(workers)
        for _ in range(burst + 1):
            answer = await attempt(root, "alice", "wrong")
            assert getattr(answer, "retry_after", None) == 1
    await asyncio.gather(*tasks)
    assert (await root("session/sign-in", "alice", PASSWORD))["user"]["name"] == "alice"


def started(*work: Coroutine[Any, Any, str]) -> list["asyncio.Future[str]"]:
    """Tasks that do this work."""
    return [asyncio.ensure_future(each) for each in work]
