"""Verification: asks the database as little as it can, and is right all the same."""

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app import token_cache, verification
from app.call import Request, Success
from app.lookups import AT_ONCE, MOST
from app.token_cache import MOST_MISSES
from app.token_format import SESSION_PREFIX, completed, make
from app.usage import Usage
from app.verification import Verification
from tests.app.lookups import FIND, OTHERWISE, Reader, put, reading
from tests.methods.support import Sql, user_id
from tests.support import Api, until

MANY = 100_000
OWN = "correct-horse-battery-staple"


@dataclass
class Verifier:
    """A verification on a reader of its own, and what it has noted."""

    reader: Reader
    verification: Verification
    usage: Usage

    async def code(self, token: str, *permissions: str) -> str:
        """What verifying a token for these permissions comes to."""
        return (await self.verification.verified(token, permissions)).code

    async def codes(self, *tokens: str) -> list[str]:
        """The same for many at once."""
        return await asyncio.gather(*map(self.code, tokens))

    @property
    def asked(self) -> list[str]:
        """The statements that the database was asked."""
        return self.reader.sql.names


@pytest.fixture
async def verifier(database_url: str) -> AsyncIterator[Verifier]:
    """A verification on the test's database."""
    async with reading(database_url) as reader:
        usage = Usage()
        tried = Verification(reader.tokens, reader.cache, reader.lookups, usage)
        yield Verifier(reader, tried, usage)


async def test_a_token_that_is_known_is_asked_for_no_more(verifier: Verifier, sql: Sql) -> None:
    """However often it is used."""
    tokens = await put(sql, verifier.reader.tokens, 1)
    assert await verifier.codes(*tokens) == ["VALID"]
    assert await verifier.codes(*tokens * 100) == ["VALID"] * 100
    assert verifier.asked == [FIND]


async def test_every_use_of_a_token_is_noted(verifier: Verifier, sql: Sql) -> None:
    """With what it came to, and what it was for; of a token that is none nothing is noted."""
    [token] = await put(sql, verifier.reader.tokens, 1)
    assert await verifier.code(token, "read") == "VALID"
    assert await verifier.code(token, "write") == "INSUFFICIENT_PERMISSIONS"
    assert await verifier.code(verifier.reader.tokens.make()) == "NOT_FOUND"
    verifier.usage.close()
    tally = verifier.usage.take(10)
    assert tally
    [token_id] = tally.verifications
    assert tally.verifications == {token_id: 2}
    assert tally.permissions == {token_id: {"read": 1}}
    assert tally.refusals == {token_id: {"INSUFFICIENT_PERMISSIONS": 1}}


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "short",
        "x" * 513,
        "x" * 10_000_000,
        "apt_" + "0" * 36,
        make("apt")[:-1],
        make("apt") + "0",
        make(SESSION_PREFIX),
        "with a space in the middle of it",
        "umlaut-ä-in-the-middle-of-it",
        "surrogate-\udcff-in-the-middle",
        "nul\0-in-the-middle-of-the-value",
    ],
    ids=lambda junk: ascii(junk[:4]),
)
async def test_junk_never_reaches_the_database(verifier: Verifier, junk: str) -> None:
    """Nor is it remembered."""
    assert await verifier.code(junk) == "NOT_FOUND"
    assert verifier.asked == []
    assert not await verifier.verification.known(junk)


async def test_an_unknown_token_is_asked_for_once_in_a_while(verifier: Verifier) -> None:
    """Whoever tries it again and again is answered from memory."""
    token = verifier.reader.tokens.make()
    assert await verifier.codes(token) == await verifier.codes(token) == ["NOT_FOUND"]
    assert await verifier.codes(*[token] * 1000) == ["NOT_FOUND"] * 1000
    assert verifier.asked == [FIND, OTHERWISE]


async def test_many_different_unknown_tokens(
    verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guesser costs the database a statement or two for hundreds of guesses, and no memory."""
    monkeypatch.setattr(token_cache, "MISS_SECONDS", math.inf)
    known, step = verifier.verification.known, AT_ONCE * MOST
    tokens = [completed("apt", f"{n:030}") for n in range(MANY)]
    for first in range(0, MANY, step):
        found = await asyncio.gather(*map(known, tokens[first : first + step]))
        assert not any(found)
    assert len(verifier.asked) == 2 * math.ceil(MANY / MOST)
    assert verifier.reader.sql.most_running <= AT_ONCE
    # As many are remembered as may be, and no more; those asked for at once are so in any order.
    for token in tokens[step - MOST_MISSES :]:
        assert await known(token) is None
    assert len(verifier.asked) == 2 * math.ceil(MANY / MOST)
    assert await known(tokens[-MOST_MISSES - step]) is None
    assert len(verifier.asked) == 2 * math.ceil(MANY / MOST) + 2


async def test_a_token_with_an_own_value_is_found_at_once(root: Api) -> None:
    """Although it was asked for a moment before, when it was none."""
    verified = root.services.dispatcher.verification.verified
    assert (await verified(OWN)).code == "NOT_FOUND"
    await root("api-tokens/create", "own", {"token": OWN})
    assert (await verified(OWN)).code == "VALID"


async def test_a_token_that_is_given_an_own_value_is_found_at_once(root: Api) -> None:
    """By that, and by what it had before no more."""
    verified = root.services.dispatcher.verification.verified
    made = await root("api-tokens/create", "ci")
    tokens = (made["token"], OWN)
    assert [(await verified(token)).code for token in tokens] == ["VALID", "NOT_FOUND"]
    await root("api-tokens/update", made["id"], {"token": OWN})
    assert [(await verified(token)).code for token in tokens] == ["NOT_FOUND", "VALID"]


async def test_an_imported_token_is_found_at_once(root: Api) -> None:
    """Although its bearer has tried it before."""
    verified = root.services.dispatcher.verification.verified
    assert (await verified(OWN)).code == "NOT_FOUND"
    await root("api-tokens/import", [{"name": "from elsewhere", "token": OWN}])
    assert (await verified(OWN)).code == "VALID"


async def test_a_rotated_token_is_found_at_once(root: Api) -> None:
    """By its new secret, and by the one before no more."""
    verified = root.services.dispatcher.verification.verified
    made = await root("api-tokens/create", "ci")
    assert (await verified(made["token"])).code == "VALID"
    rotated = await root("api-tokens/rotate", made["id"])
    tokens = (made["token"], rotated["token"])
    assert [(await verified(token)).code for token in tokens] == ["NOT_FOUND", "VALID"]


async def test_the_secret_before_ends_by_itself(root: Api) -> None:
    """When its grace is over, although nothing changes then and it is known."""
    verified = root.services.dispatcher.verification.verified
    made = await root("api-tokens/create", "ci")
    await root("api-tokens/rotate", made["id"], {"grace": "1s"})
    end = datetime.now(UTC) + timedelta(seconds=1)
    codes = [(await verified(made["token"])).code]

    async def is_over() -> bool:
        codes.append((await verified(made["token"])).code)
        return datetime.now(UTC) > end

    await until(is_over)
    assert codes[0] == "VALID"
    assert (await verified(made["token"])).code == "NOT_FOUND"


def at(monkeypatch: pytest.MonkeyPatch, **later: float) -> None:
    """Let the clock of this process go wrong by so much."""
    wrong = timedelta(**later)
    monkeypatch.setattr(verification, "_now", lambda: datetime.now(UTC) + wrong)


async def test_a_token_that_is_known_expires(
    verifier: Verifier, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock tells with every use; nobody is asked."""
    expires = datetime.now(UTC) + timedelta(hours=1)
    [token] = await put(sql, verifier.reader.tokens, 1, expires=expires)
    codes = []
    for minutes in (0, 59, 60, 61):
        at(monkeypatch, minutes=minutes)
        codes.append(await verifier.code(token))
    assert codes == ["VALID", "VALID", "EXPIRED", "EXPIRED"]
    assert verifier.asked == [FIND]


REVOKED: dict[str, tuple[str, str, list[Any], str]] = {
    "deleted": ("api-tokens/delete", "id", [], "NOT_FOUND"),
    "disabled": ("api-tokens/set-enabled", "id", [False], "DISABLED"),
    "rotated": ("api-tokens/rotate", "id", [], "NOT_FOUND"),
    "weaker": ("api-tokens/set-permissions", "id", [{}], "INSUFFICIENT_PERMISSIONS"),
    "a little weaker": (
        "api-tokens/update-permissions",
        "id",
        [{"read": False}],
        "INSUFFICIENT_PERMISSIONS",
    ),
    "of a disabled user": ("users/set-enabled", "user_id", [False], "USER_DISABLED"),
    "of a deleted user": ("users/delete", "user_id", [], "NOT_FOUND"),
    "of a weaker user": (
        "users/set-permissions",
        "user_id",
        [{"read": False}],
        "INSUFFICIENT_PERMISSIONS",
    ),
}


@pytest.mark.parametrize("revocation", REVOKED)
async def test_what_is_revoked_is_over(root: Api, owned: dict[str, Any], revocation: str) -> None:
    """From when that was answered."""
    method, whose, given, expected = REVOKED[revocation]
    verified = root.services.dispatcher.verification.verified
    assert (await verified(owned["token"], ["read"])).code == "VALID"
    answer = await root.success(method, owned[whose], *given)
    assert (await verified(owned["token"], ["read"])).code == expected
    assert answer.meta["propagated"]["processes"] == 1


@pytest.mark.parametrize("days", [-365, 365], ids=["back", "ahead"])
async def test_a_clock_that_is_set_brings_nothing_back(
    root: Api, owned: dict[str, Any], monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """Neither a token that was deleted nor a secret that was replaced; every call is answered."""
    verified = root.services.dispatcher.verification.verified
    rotated = await root("api-tokens/create", "rotated")
    tokens = [owned["token"], rotated["token"]]
    assert [(await verified(token)).code for token in tokens] == ["VALID", "VALID"]
    await root("api-tokens/delete", owned["id"])
    await root("api-tokens/rotate", rotated["id"])
    at(monkeypatch, days=days)
    async with asyncio.timeout(20):
        codes = [(await verified(token)).code for token in tokens * 3]
    assert codes == ["NOT_FOUND"] * 6


@pytest.fixture
async def owned(root: Api) -> dict[str, Any]:
    """A token of a user who is not root."""
    await root("users/create", "alice")
    caller = await root.services.operator("alice")
    request = Request("/v1/api-tokens/create", ["ci", {"role": "read-only"}])
    result = await root.services.dispatcher.dispatch(request, caller)
    assert isinstance(result, Success)
    return {**result.data, "user_id": await user_id(root, "alice")}


async def test_the_api_is_disabled_and_enabled(root: Api, sql: Sql) -> None:
    """For all tokens at once, those that are known too."""
    verified = root.services.dispatcher.verification.verified
    assert root.token
    codes = [(await verified(root.token)).code]
    for enabled in ("false", "true"):
        await sql.execute(f"update settings set api_enabled = {enabled}")
        codes.append((await verified(root.token)).code)
    assert codes == ["VALID", "API_DISABLED", "VALID"]


async def test_a_token_ends_amid_many_verifications(root: Api, owned: dict[str, Any]) -> None:
    """Whoever asks after it was answered hears of it, whatever is on its way at that moment."""
    verified = root.services.dispatcher.verification.verified
    is_over = False
    after: list[str] = []

    async def ask() -> None:
        while not after:
            asked_after = is_over
            code = (await verified(owned["token"])).code
            if asked_after:
                after.append(code)
            await asyncio.sleep(0)

    asking = [asyncio.create_task(ask()) for _ in range(50)]
    await root("api-tokens/delete", owned["id"])
    is_over = True
    await asyncio.gather(*asking)
    assert {*after} == {"NOT_FOUND"}
