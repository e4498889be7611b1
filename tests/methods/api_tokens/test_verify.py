from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from app.token_format import make
from app.verdicts import VerdictCode
from tests.conftest import MemberMaker
from tests.methods.support import Sql, bearer, signed_in
from tests.people import PASSWORD, person
from tests.support import Api

VERIFY: Final = "api-tokens/verify"
NOT_FOUND: Final = {"valid": False, "code": "NOT_FOUND"}
UNKNOWN: Final = make("apt")
ORDER: Final = ("well-formed", "known", "not expired", "enabled", "user enabled", "API enabled")


async def code(verifier: Api, token: str | None, *permissions: str) -> str:
    """What verifying a token for these permissions comes to."""
    verdict = await verifier(VERIFY, token, {"permissions": [*permissions]})
    assert verdict["valid"] is (verdict["code"] == "VALID")
    return str(verdict["code"])


async def test_tells_whose_a_good_token_is(root: Api, member: MemberMaker) -> None:
    """And what it may do, until when."""
    alice = await member("alice")
    options = {"role": "read-only", "expires": "2099-01-01T00:00:00Z"}
    made = await alice("api-tokens/create", "ci", options)
    assert await root(VERIFY, made["token"]) == {
        "valid": True,
        "code": "VALID",
        "token_id": made["id"],
        "user_id": made["user_id"],
        "user_name": "alice",
        "name": "ci",
        "role": "read-only",
        "permissions": {"read": True},
        "created": made["created"],
        "expires": "2099-01-01T00:00:00Z",
    }


async def test_a_token_may_verify_itself(root: Api) -> None:
    """Nothing is special about the caller's own."""
    assert await code(root, root.token, "verify") == "VALID"


@pytest.mark.parametrize(
    "token",
    ["", "x", "x" * 20, UNKNOWN, make("other"), make("session"), "ä" * 30, "x" * 600_000],
    ids=lambda token: repr(token[:4]),
)
async def test_what_is_no_token_is_not_found(root: Api, token: str) -> None:
    """Whatever the text, the answer is the same, and a success."""
    assert await root(VERIFY, token) == NOT_FOUND


async def test_a_session_is_no_token(root: Api) -> None:
    """Its secret says who has signed in; nobody is let in to an API by it."""
    await person(root)
    session = await signed_in(root, "alice", PASSWORD)
    assert await root(VERIFY, session.token) == NOT_FOUND


async def test_a_deleted_token_is_not_found(root: Api) -> None:
    """From when its deletion was answered."""
    made = await root("api-tokens/create", "ci")
    assert await code(root, made["token"]) == "VALID"
    await root("api-tokens/delete", made["id"])
    assert await root(VERIFY, made["token"]) == NOT_FOUND


CHANGES: Final = {
    "DISABLED": ("api-tokens/set-enabled", "id", False, True),
    "USER_DISABLED": ("users/set-enabled", "user_id", False, True),
}


@pytest.mark.parametrize("expected", CHANGES)
async def test_tells_why_a_token_may_not_be_used(
    root: Api, member: MemberMaker, expected: str
) -> None:
    """From when the change was answered, until it was answered that it is undone."""
    method, whose, *values = CHANGES[expected]
    alice = await member("alice")
    made = await alice("api-tokens/create", "ci")
    codes = []
    for value in values:
        await root(method, made[whose], value)
        codes.append(await code(root, made["token"]))
    assert codes == [expected, "VALID"]
    assert await root(VERIFY, made["token"])


async def test_tells_that_the_api_is_disabled(root: Api) -> None:
    """To a person signed in: no token can ask any more."""
    administrator = await person(root, "admin")
    everything = {"read": True, "write": True, "admin": True, "verify": True}
    await root("users/set-permissions", administrator, everything)
    session = await signed_in(root, "admin", PASSWORD)
    await session("settings/set-api-enabled", False)
    assert await code(session, root.token) == "API_DISABLED"
    await session("settings/set-api-enabled", True)
    assert await code(session, root.token) == "VALID"


async def test_tells_that_a_token_has_expired(root: Api, sql: Sql) -> None:
    """That it is disabled too does not matter any more."""
    made = await root("api-tokens/create", "ci", {"expires": "1h"})
    await sql.execute(
        "update api_tokens set expires = now() - interval '1 s', enabled = false where name = 'ci'"
    )
    assert await root(VERIFY, made["token"]) == {"valid": False, "code": "EXPIRED"}


async def test_a_token_expires_while_it_is_known(root: Api, sql: Sql) -> None:
    """The moment is looked at with every use."""
    made = await root("api-tokens/create", "ci", {"expires": "1h"})
    soon = datetime.now(UTC) + timedelta(seconds=0.3)
    await sql.execute("update api_tokens set expires = $1 where name = 'ci'", soon)
    codes = [await code(root, made["token"])]
    while datetime.now(UTC) <= soon:
        codes.append(await code(root, made["token"]))
    assert set(codes[:-1]) == {"VALID"}
    assert await code(root, made["token"]) == "EXPIRED"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([], "VALID"),
        (["read"], "VALID"),
        (["read", "read"], "VALID"),
        (["write"], "INSUFFICIENT_PERMISSIONS"),
        (["read", "write"], "INSUFFICIENT_PERMISSIONS"),
    ],
)
async def test_all_permissions_asked_for_are_needed(
    root: Api, wanted: list[str], expected: str
) -> None:
    """None of them, and every token will do."""
    made = await root("api-tokens/create", "ci", {"role": "read-only"})
    assert await code(root, made["token"], *wanted) == expected


async def test_permissions_are_those_of_now(root: Api, member: MemberMaker) -> None:
    """What its owner loses a token loses too."""
    alice = await member("alice")
    assert await code(root, alice.token, "write") == "VALID"
    verdict = await root(VERIFY, alice.token)
    await root("users/set-permissions", verdict["user_id"], {"write": False})
    assert await code(root, alice.token, "write") == "INSUFFICIENT_PERMISSIONS"
    assert (await root(VERIFY, alice.token))["permissions"] == {"read": True}


@pytest.mark.parametrize("name", ["nothing", "*", "root", "Read", ""])
async def test_an_unknown_permission_is_refused(root: Api, name: str) -> None:
    """A back end that asks for it has a mistake in it, which "no" would hide."""
    refusal = await root.refusal(VERIFY, root.token, {"permissions": [name]})
    assert (refusal.code, refusal.text) == (400, f'Permission "{name}" is not valid')


async def test_needs_the_permission_to_verify(root: Api) -> None:
    """Also for one's own token."""
    weak = await bearer(root, read=True, write=True, admin=True)
    assert (await weak.refusal(VERIFY, weak.token)).code == -32811


async def test_the_previous_secret_is_good_within_its_grace(root: Api) -> None:
    """Both are the same token."""
    made = await root("api-tokens/create", "ci")
    rotated = await root("api-tokens/rotate", made["id"], {"grace": "1h"})
    ids = [(await root(VERIFY, each["token"]))["token_id"] for each in (made, rotated)]
    assert ids == [made["id"], made["id"]]
    await root("api-tokens/update", made["id"], {"finish_rotation": True})
    assert await root(VERIFY, made["token"]) == NOT_FOUND


async def test_verifying_the_new_secret_ends_the_grace(root: Api) -> None:
    """Where it was to last until the first use, which this is."""
    made = await root("api-tokens/create", "ci")
    options = {"grace": "1h", "until_first_use": True}
    rotated = await root("api-tokens/rotate", made["id"], options)
    assert await code(root, made["token"]) == "VALID"
    assert await code(root, rotated["token"]) == "VALID"
    assert await root(VERIFY, made["token"]) == NOT_FOUND


async def test_a_token_is_found_that_was_asked_for_too_early(root: Api) -> None:
    """That there was none is not remembered once one is made."""
    value = "a value of one's own".replace(" ", "-")
    assert await root(VERIFY, value) == NOT_FOUND
    await root("api-tokens/create", "own", {"token": value})
    assert await code(root, value) == "VALID"


def outcomes(verdict: Any) -> list[tuple[str, str]]:
    """The checks of a verdict in order."""
    return [(each["check"], each["outcome"]) for each in verdict["checks"]]


async def test_explains_a_good_token(root: Api) -> None:
    """Every check was passed."""
    made = await root("api-tokens/create", "ci", {"role": "read-only"})
    verdict = await root(VERIFY, made["token"], {"explain": True, "permissions": ["read"]})
    assert outcomes(verdict) == [(c, "passed") for c in (*ORDER, "permission read")]
    assert verdict["user_name"] == "root"


async def test_explains_which_permission_is_missing(root: Api) -> None:
    """Each by itself."""
    made = await root("api-tokens/create", "ci", {"role": "read-only"})
    options = {"explain": True, "permissions": ["write", "read"]}
    verdict = await root(VERIFY, made["token"], options)
    last = outcomes(verdict)[-2:]
    assert last == [("permission write", "failed"), ("permission read", "passed")]


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ("expires = now(), enabled = false", 2),
        ("enabled = false", 3),
    ],
)
async def test_explains_what_failed_first(root: Api, sql: Sql, change: str, failed: int) -> None:
    """What comes after it was not looked at."""
    made = await root("api-tokens/create", "ci")
    await sql.execute(f"update api_tokens set {change} where name = 'ci'")
    options = {"explain": True, "permissions": ["read"]}
    verdict = await root(VERIFY, made["token"], options)
    expected = ["passed"] * failed + ["failed"] + ["skipped"] * (len(ORDER) - failed)
    assert [outcome for _, outcome in outcomes(verdict)] == expected


@pytest.mark.parametrize(("token", "failed"), [("junk", 0), (UNKNOWN, 1)], ids=["junk", "token"])
async def test_explains_why_nothing_was_found(root: Api, token: str, failed: int) -> None:
    """Whether the text can be a token at all."""
    verdict = await root(VERIFY, token, {"explain": True})
    assert [check for check, outcome in outcomes(verdict) if outcome == "failed"] == [ORDER[failed]]


def test_the_codes_are_those_of_the_schema(root: Api) -> None:
    """What back ends are told to expect is all there is."""
    components = root.services.dispatcher.registry.components
    assert components["Verdict"]["properties"]["code"]["enum"] == [*VerdictCode]
