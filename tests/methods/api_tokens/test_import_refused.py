"""Which rows are refused by themselves, and why; a table of values, none of which is imported."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from app.config import Settings
from app.services import open_services
from tests.conftest import MemberMaker
from tests.methods.support import Sql, bearer, signed_in
from tests.support import Api, first_token

VALUE = "acme-live-4f9TnQ2xLw8ZrK"
DIGEST = hashlib.sha256(VALUE.encode()).hexdigest()
GOOD = {"token": VALUE, "name": "theirs"}
BY_DIGEST = {"digest": DIGEST, "scheme": "sha256", "name": "theirs"}
SHA256_FORM = "must be 64 hexadecimal digits, or base64 or base64url of 32 bytes"
SHA512_FORM = "must be 128 hexadecimal digits"
DENIED = "Access denied: its owner holds permissions you do not hold"


async def errors(api: Api, row: Any) -> list[str]:
    """Why a row is refused, which is not imported."""
    answer = await api("api-tokens/import", [row])
    assert (answer["imported"], answer["present"]) == (0, 0)
    [refused] = answer["refused"]
    assert refused["index"] == 0
    return list(refused["errors"])


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({}, '"/name" is required'),
        ({"name": "theirs"}, 'A "token" or a "digest" is required'),
        ({"token": VALUE}, '"/name" is required'),
        ({**GOOD, "name": None}, '"/name" is required'),
        ({**GOOD, "name": ""}, '"/name" must have at least 1 characters'),
        ({**GOOD, "name": "x" * 256}, '"/name" must have at most 255 characters'),
        ({**GOOD, "name": "two\nlines"}, '"/name" must be one line of visible characters'),
        ({**GOOD, "name": 1}, '"/name" must be string'),
        ({**GOOD, "owner": ["root"]}, '"/owner" must be string'),
        ({**GOOD, "owner": "nobody"}, 'There is no user "nobody"'),
        ({**GOOD, "owner": "{0}"}, 'There is no user "{0}"'),
        ({**GOOD, "owner": ""}, 'There is no user ""'),
        ({**GOOD, "nmae": "x"}, '"/nmae" is not known'),
        ({**GOOD, "enabled": 1}, '"/enabled" must be boolean'),
        ({**GOOD, "metadata": []}, '"/metadata" must be object'),
        ({**GOOD, "metadata": {"x": "y" * 4096}}, '"/metadata" must be at most 4096 bytes of JSON'),
    ],
)
async def test_a_row_of_a_wrong_shape(shared: Api, row: Any, text: str) -> None:
    """Each fault is told in the words of all other faults, at its place within the row."""
    assert any(text in error for error in await errors(shared, row))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", "must have at least 20 characters"),
        ("x" * 19, "must have at least 20 characters"),
        ("abcdefghij" * 51 + "klm", "must have at most 512 characters"),
        ("acme live 4f9TnQ2xLw8ZrK", "must match"),
        ("acme-live-4f9TnQ2xLw8Zré", "must match"),
        ("a" * 20, "must have at least 8 different characters"),
        ("abcdefghij" * 2, "must not be a repetition of a shorter text"),
        ("apt_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo1nBCPS", 'must not start with "apt_"'),
        ("session_4f9TnQ2xLw8ZrK", 'must not start with "session_"'),
        (12345678901234567890, "must be string"),
    ],
)
async def test_a_weak_value(shared: Api, value: Any, text: str) -> None:
    """A plain value must be as good as one that is chosen here, and is not repeated."""
    [error] = await errors(shared, {"token": value, "name": "theirs"})
    assert error.startswith(f'Value at "/token" {text}')
    assert not value or str(value) not in error


@pytest.mark.parametrize(
    ("scheme", "digest", "text"),
    [
        ("sha256", "", SHA256_FORM),
        ("sha256", DIGEST[:-1], SHA256_FORM),
        ("sha256", DIGEST + "0", SHA256_FORM),
        ("sha256", DIGEST[:-1] + "g", SHA256_FORM),
        ("sha256", f" {DIGEST}", SHA256_FORM),
        ("sha256", f"{DIGEST}\n", SHA256_FORM),
        ("sha256", "A" * 42, SHA256_FORM),
        ("sha256", "A" * 43 + "==", SHA256_FORM),
        ("sha256", "A" * 44, SHA256_FORM),
        ("sha256", "A" * 42 + "B", SHA256_FORM),
        ("sha256", "+-" + "A" * 41, SHA256_FORM),
        ("sha256", "0" * 128, SHA256_FORM),
        ("sha512", DIGEST, SHA512_FORM),
        ("sha512", "A" * 86 + "==", SHA512_FORM),
        ("sha512", "sha512$$" + "0" * 128, SHA512_FORM),
        ("sha512", "0" * 201, "must have at most 200 characters"),
        ("sha256", 7, "must be string"),
    ],
)
async def test_a_digest_that_is_none(shared: Api, scheme: str, digest: Any, text: str) -> None:
    """What cannot be a digest of its scheme is not guessed at, and not repeated."""
    row = {"digest": digest, "scheme": scheme, "name": "theirs"}
    assert await errors(shared, row) == [f'Value at "/digest" {text}']


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({**BY_DIGEST, "scheme": None}, '"/scheme" is required'),
        ({**BY_DIGEST, "scheme": "md5"}, '"/scheme" must be one of: sha256, sha512'),
        ({**BY_DIGEST, "scheme": "SHA256"}, '"/scheme" must be one of: sha256, sha512'),
        ({**GOOD, "digest": DIGEST}, '"/digest" does not go with "token"'),
        ({**GOOD, "scheme": "sha256"}, '"/scheme" does not go with "token"'),
        ({**GOOD, "hint": "acme"}, '"/hint" does not go with "token"'),
        ({**BY_DIGEST, "hint": ""}, '"/hint" must have at least 1 characters'),
        ({**BY_DIGEST, "hint": "x" * 41}, '"/hint" must have at most 40 characters'),
        ({**BY_DIGEST, "hint": "a b"}, '"/hint" must match'),
        ({**BY_DIGEST, "hint": VALUE}, '"/hint" must not be the token itself'),
    ],
)
async def test_what_does_not_go_together(shared: Api, row: Any, text: str) -> None:
    """A value comes by itself or as a digest, and its hint does not give it away."""
    [error] = await errors(shared, row)
    assert error.startswith(f"Value at {text}")


@pytest.mark.parametrize("member", ["created", "expires"])
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("2024-02-29", "must be a time such as"),
        ("2024-02-29T08:30:00", "must be a time such as"),
        ("2024-02-29 08:30:00+00", "must be a time such as"),
        ("1709195400", "must be a time such as"),
        ("30d", "must be a time such as"),
        ("2023-02-29T08:30:00Z", "must be a time that exists"),
        ("9999-12-31T23:59:59.999999Z", "must not be the first or the last moment there is"),
        ("0001-01-01T00:00:00Z", "must not be the first or the last moment there is"),
        (1709195400, "must be string"),
    ],
)
async def test_a_time_that_is_none(shared: Api, member: str, text: Any, fault: str) -> None:
    """Times are RFC 3339; a length of time from now would mean another time at each attempt."""
    [error] = await errors(shared, {**GOOD, member: text})
    assert error.startswith(f'Value at "/{member}" {fault}')


async def test_a_token_from_the_future(shared: Api) -> None:
    """Nothing was made after now."""
    row = {**GOOD, "created": "9999-01-01T00:00:00Z"}
    assert await errors(shared, row) == ['Value at "/created" must not be in the future']


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"role": "king"}, 'Role "king" is not valid'),
        ({"permissions": {"fly": True}}, 'Permission "fly" is not valid'),
        ({"permissions": {"root": False}}, 'Permission "root" is not valid'),
        ({"permissions": ["read"]}, 'Value at "/permissions" must be object'),
        ({"permissions": {"read": 1}}, 'Value at "/permissions/read" must be boolean'),
        ({"role": "read-only", "permissions": {}}, "Give either a role or permissions, not both"),
    ],
)
async def test_permissions_that_are_none(shared: Api, given: Any, text: str) -> None:
    """A role or permissions, of those there are."""
    assert await errors(shared, GOOD | given) == [text]


async def test_a_member_that_may_be_a_secret(shared: Api) -> None:
    """Whoever mistakes values for names does not find them in an answer, or in a report."""
    [error] = await errors(shared, {VALUE: {"name": "theirs"}})
    assert error == "A member's name is longer than any that is known"


# Rights


async def test_more_than_the_caller_holds(root: Api, member: MemberMaker) -> None:
    """Nobody gives away through an import what they do not hold, by a role or by name."""
    weak = await member("weak", ["read", "admin"])
    text = 'Access denied: you do not hold permission "write"'
    for given in ({"role": "read-write"}, {"permissions": {"write": True}}):
        assert await errors(weak, {**GOOD, **given}) == [text]
    answer = await weak("api-tokens/import", [{**GOOD, "permissions": {"write": False}}])
    assert answer["imported"] == 1


async def test_for_a_user_who_holds_more(root: Api, member: MemberMaker, sql: Sql) -> None:
    """A token is somebody's identity: it is not made for those who may do more than the caller."""
    weak = await member("weak", ["read", "admin"])
    await member("strong", ["read", "write"])
    await member("equal", ["read"])
    for owner in ("root", "strong"):
        assert await errors(weak, {**GOOD, "owner": owner}) == [DENIED]
    assert (await weak("api-tokens/import", [{**GOOD, "owner": "equal"}]))["imported"] == 1
    assert await sql.fetchval("select count(*) from api_tokens where name = 'theirs'") == 1


async def test_for_a_user_who_holds_more_than_the_callers_token(root: Api) -> None:
    """It is the token that counts; for oneself one may import by it what one may make by it."""
    narrow = await bearer(root, admin=True)
    assert (await narrow("api-tokens/import", [GOOD]))["imported"] == 1
    assert await errors(narrow, {**BY_DIGEST, "role": "read-only"}) == [
        'Access denied: you do not hold permission "read"'
    ]


async def test_a_session_imports_as_well(root: Api, member: MemberMaker) -> None:
    """A person who signed in is told as the maker, without a token."""
    password = "correct horse battery"
    await root("users/create", "ann", {"permissions": ["admin"], "password": password})
    ann = await signed_in(root, "ann", password)
    await ann("api-tokens/import", [GOOD])
    [row] = await ann("api-tokens/read", {"where": {"name": "theirs"}})
    assert (row["created_by"]["user_name"], row["created_by"]["token_id"]) == ("ann", None)


# The whole call


@pytest.mark.parametrize(
    ("tokens", "path"),
    [
        ([], "/0"),
        ([GOOD, 1], "/0/1"),
        ([GOOD, {**GOOD, "name": "a\0b"}], "/0/1/name"),
        ([{**GOOD, "metadata": {"x": [[]] * 20_000}}], "/0/0/metadata/x"),
    ],
)
async def test_a_call_of_a_wrong_shape(shared: Api, tokens: Any, path: str) -> None:
    """What no call takes is refused as a whole: too few, too much, what is no row or no text."""
    refusal = await shared.refusal("api-tokens/import", tokens)
    assert refusal.code == -32808
    assert refusal.faults[0].path.startswith(path)


async def test_an_operators_limit(settings: Settings) -> None:
    """What an operator sets for names holds for imported ones."""
    async with open_services(replace(settings, name_limit=5), serving=True) as services:
        root = Api(services, await first_token(services))
        text = 'Value at "/name" must have at most 5 characters'
        assert await errors(root, GOOD) == [text]
        assert (await root("api-tokens/import", [{**GOOD, "name": "their"}]))["imported"] == 1
