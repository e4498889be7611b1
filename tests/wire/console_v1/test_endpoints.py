"""The older console API's endpoints: what each does, and for whom."""

import re
from configparser import RawConfigParser
from typing import Any, Final

import orjson
import pytest

from app.console_api import ENDPOINTS
from app.wire.console_v1 import adapter
from tests.conftest import MemberMaker
from tests.methods.support import Sql, works
from tests.support import Api
from tests.wire.console_v1.keys import Keys
from tests.wire.tokens import switch_api

INVALID: Final = (401, "Invalid auth_token")
DENIED: Final = (403, "Access denied")
# What a call of each needs besides a key; the id is nobody's.
NEEDED: Final = {
    "auth_token/add": {"note": "ci", "auth_token_type": "read-only"},
    "auth_token/remove": {"key_id": "00000000"},
}
NAMES: Final = [path.removeprefix("/api/v1/") for path in ENDPOINTS]
FOR_ADMINS: Final = [name for name in NAMES if name not in {"ping", "auth_token/list"}]


async def test_ping(keys: Keys) -> None:
    """It says that all is well, and nothing more."""
    assert (await keys.answer("ping")).body == b'{"result":"success"}'


async def test_add_makes_an_ordinary_token(keys: Keys, root: Api) -> None:
    """Its type is its role, its note its name; the answer is the one time its secret is shown."""
    key = await keys.add("ci", "analyst")
    [row] = await root("api-tokens/read", {"where": {"key_id": key["key_id"]}})
    [own] = await root("api-tokens/read", {"where": {"token": root.token}})
    assert (row["name"], row["role"]) == ("ci", "analyst")
    assert row["permissions"] == {"read": True, "write": True}
    assert key == {
        "auth_token": key["auth_token"],
        "auth_token_type": "Analyst",
        "created": row["created"][:19].replace("T", " ") + " UTC+0000",
        "created_by": f"Global-API-Token[key_id:{own['key_id']}]",
        "key_id": row["key_id"],
        "note": "ci",
    }
    assert await works(root, key["auth_token"])


async def test_list_shows_hints(keys: Keys, root: Api) -> None:
    """Secrets were shown once; what a person made says so."""
    key = await keys.add("ci", "admin")
    listed = await keys.listed()
    assert listed.keys() == {"root", "ci"}
    assert listed["ci"] == {**key, "auth_token": f"apt_…{key['auth_token'][-4:]}"}
    assert listed["root"]["created_by"] == "root"
    assert str(root.token) not in repr(listed)


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"role": "read-only"}, "Read-Only"),
        ({"role": "read-write"}, "Analyst"),
        ({"role": "admin"}, "Admin"),
        ({"permissions": {"read": True}}, "Read-Only"),
        ({"permissions": {"read": True, "write": True}}, "Analyst"),
        (
            {"permissions": {"read": True, "write": True, "admin": True, "verify": True}},
            "Admin",
        ),
        ({"permissions": {"verify": True}}, "Custom"),
        ({}, "Custom"),
    ],
    ids=str,
)
async def test_keys_made_elsewhere_have_the_nearest_type(
    keys: Keys, root: Api, options: dict[str, Any], shown: str
) -> None:
    """That of their role, or with just their permissions."""
    await root("api-tokens/create", "elsewhere", options)
    assert (await keys.listed())["elsewhere"]["auth_token_type"] == shown


async def test_list_has_all_pages(keys: Keys, root: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are; more than anybody would read are refused, none is left out."""
    for number in range(101):
        await root("api-tokens/create", f"{number:03}")
    assert len(await keys.listed()) == 102
    monkeypatch.setattr(adapter, "MOST_KEYS", 101)
    assert await keys.refused("auth_token/list") == (400, adapter.TOO_MANY)


async def test_list_has_nobody_elses(keys: Keys, member: MemberMaker) -> None:
    """An administrator sees others' tokens elsewhere."""
    await member("alice")
    assert (await keys.listed()).keys() == {"root"}


async def test_download_of_the_calling_key(keys: Keys) -> None:
    """The file has the secret that the caller has just shown, and the host it called."""
    answered = await keys.answer("auth_token/download")
    assert answered.status == 200
    assert answered.headers["Content-Disposition"] == "attachment; filename=canarytools.config"
    text = answered.body.decode()
    assert text.startswith("; save this file as ~/.canarytools.config\n[CanaryTools]\n")
    parser = RawConfigParser()
    parser.read_string(text)
    assert dict(parser["CanaryTools"]) == {"api_key": keys.key, "domain": "tokens.test"}


@pytest.mark.parametrize("host", ["", "a b", "x" * 300, "tokens.test\r\napi_key = forged"])
async def test_a_file_always_has_a_domain(keys: Keys, host: str) -> None:
    """Clients do not take a file without one; what is no host gets into none."""
    text = (await keys.answer("auth_token/download", Host=host)).body.decode()
    assert text.splitlines()[3:] == ["domain = localhost"]


async def test_download_of_the_calling_key_by_its_id(keys: Keys) -> None:
    """As without."""
    own = (await keys.listed())["root"]["key_id"]
    by_id = await keys.answer("auth_token/download", query={"key_id": own})
    assert by_id.body == (await keys.answer("auth_token/download")).body


async def test_a_secret_that_is_not_kept_cannot_be_downloaded(keys: Keys) -> None:
    """It is said why."""
    key = await keys.add()
    refused = await keys.refused("auth_token/download", query={"key_id": key["key_id"]})
    assert refused == (
        404,
        "The secret of this key is not kept: it was shown once, when it was made",
    )


@pytest.mark.parametrize("name", ["auth_token/remove", "token/remove"])
async def test_a_removed_key_is_invalid_at_once(keys: Keys, name: str) -> None:
    """Whichever name it was removed by."""
    key = await keys.add()
    other = keys.bearing(key["auth_token"])
    assert await other.told("ping") == {}
    assert await keys.told(name, {"key_id": key["key_id"]}) == {}
    assert await other.refused("ping") == INVALID
    assert (await keys.listed()).keys() == {"root"}
    assert (await keys.refused(name, {"key_id": key["key_id"]}))[0] == 404


async def test_a_key_removes_itself_once(keys: Keys) -> None:
    """By its id."""
    key = await keys.add("ci", "admin")
    own = keys.bearing(key["auth_token"])
    assert await own.told("auth_token/remove", {"key_id": key["key_id"]}) == {}
    assert await own.refused("auth_token/remove", {"key_id": key["key_id"]}) == INVALID


async def test_an_id_that_is_nobodys_is_not_found(keys: Keys, member: MemberMaker) -> None:
    """Another user's neither, nor a malformed one: nobody can tell which it was."""
    alice = await member("alice")
    [foreign] = await alice("api-tokens/read")
    for key_id in (foreign["key_id"], "00000000", "nonsense", "'; --", "x" * 100, foreign["id"]):
        for name in ("auth_token/remove", "token/remove"):
            refused = await keys.refused(name, {"key_id": key_id})
            assert refused == (404, "Token not found")
        refused = await keys.refused("auth_token/download", query={"key_id": key_id})
        assert refused == (404, "Token not found")


# The first generation


@pytest.mark.parametrize("fields", [{}, {"note": "", "auth_token_type": ""}, {"other": "a"}])
async def test_add_without_fields_gives_the_calling_key_a_new_secret(
    keys: Keys, fields: dict[str, str]
) -> None:
    """At once: there is one key, and it is another one now."""
    told = await keys.told("token/add", fields)
    assert told == {"token": told["token"], "auth_token": told["token"]}
    assert await keys.refused("ping") == INVALID
    again = keys.bearing(told["token"])
    assert await again.told("ping") == {}
    assert (await again.listed()).keys() == {"root"}


async def test_add_with_fields_makes_a_key(keys: Keys) -> None:
    """As the newer name does, and refuses what is missing."""
    fields = {"note": "ci", "auth_token_type": "read-only"}
    told = await keys.told("token/add", fields)
    assert told["global_api_key"]["note"] == "ci"
    assert await keys.told("ping") == {}
    assert await keys.refused("token/add", {"note": "a"}) == (400, "auth_token_type is required")


async def test_remove_without_an_id_removes_the_calling_key(keys: Keys) -> None:
    """The newer name wants one."""
    key = await keys.add("ci", "admin")
    own = keys.bearing(key["auth_token"])
    assert await own.refused("auth_token/remove") == (400, "key_id is required")
    assert await own.told("token/remove") == {}
    assert await own.refused("ping") == INVALID
    assert (await keys.listed()).keys() == {"root"}


async def test_download_by_the_older_name(keys: Keys) -> None:
    """The same file."""
    newer = await keys.answer("auth_token/download")
    assert (await keys.answer("token/download")).body == newer.body


@pytest.mark.parametrize("name", NAMES)
async def test_older_names_say_so(keys: Keys, name: str) -> None:
    """Of what is refused as well; what stands in their place is named."""
    good = await keys.answer(name, NEEDED.get(name, {}))
    bad = await keys.bearing("bad").answer(name)
    for answered in (good, bad):
        said = [answered.headers.get(header) for header in ("Deprecation", "Link")]
        if name.startswith("token/"):
            assert re.fullmatch(r"@\d+", said[0] or "")
            assert said[1] == f'</api/v1/auth_{name}>; rel="successor-version"'
        else:
            assert said == [None, None]


# Who may what


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("key", [None, "", "bad", "apt_" + "0" * 36, "x" * 10_000])
async def test_a_bad_key_may_nothing(keys: Keys, name: str, key: str | None) -> None:
    """Whatever else is wrong: the key is looked at first."""
    assert await keys.bearing(key).refused(name, {"key_id": "1"}, query={"key_id": "2"}) == INVALID


@pytest.mark.parametrize("auth_token_type", ["read-only", "analyst"])
@pytest.mark.parametrize("name", FOR_ADMINS)
async def test_only_admins_may_change(
    keys: Keys, sql: Sql, name: str, auth_token_type: str
) -> None:
    """Others may ping and list; nothing has changed."""
    weak = keys.bearing((await keys.add("weak", auth_token_type))["auth_token"])
    before = await sql.fetch("select digest from api_tokens order by id")
    assert await weak.refused(name, NEEDED.get(name, {})) == DENIED
    assert await weak.told("ping") == {}
    assert (await weak.listed()).keys() == {"root", "weak"}
    assert await sql.fetch("select digest from api_tokens order by id") == before
    assert await sql.fetchval("select api_enabled from settings")


async def test_dominance_holds_here_too(keys: Keys, root: Api) -> None:
    """An administrator who lacks something can neither grant it nor touch who has it."""
    made = await root("api-tokens/create", "half", {"permissions": {"admin": True, "read": True}})
    strong = await keys.add("strong", "analyst")
    half = keys.bearing(made["token"])
    fields = {"note": "x", "auth_token_type": "analyst"}
    status, message = await half.refused("auth_token/add", fields)
    assert (status, message.startswith("Access denied")) == (403, True)
    refused = await half.refused("auth_token/remove", {"key_id": strong["key_id"]})
    assert (refused[0], refused[1].startswith("Access denied")) == (403, True)
    assert await works(root, strong["auth_token"])


async def test_a_session_is_no_key(keys: Keys, root: Api, sql: Sql) -> None:
    """It has ways of its own."""
    await sql.execute("insert into users (name, root) values ('boss', true)")
    [boss] = await root("users/read", {"where": {"name": "boss"}})
    await root("users/set-password", boss["id"], "correct horse battery")
    session = await root.bearing(None)("session/sign-in", "boss", "correct horse battery")
    assert await root.bearing(session["token"])("session/read")
    assert await keys.bearing(session["token"]).refused("ping") == INVALID


@pytest.mark.parametrize("header", ["X_Canary_Auth_Token", "Authorization", "X_API_Key"])
async def test_two_keys_that_differ_are_refused(keys: Keys, header: str) -> None:
    """Never silently ranked, though both be good."""
    other = (await keys.add())["auth_token"]
    shown = f"Bearer {other}" if header == "Authorization" else other
    given: dict[str, Any] = {header: shown}
    status, message = await keys.refused("ping", **given)
    assert (status, message) == (400, "Only one credential may be given, and these differ")


# The switch


async def test_a_disabled_api_is_disabled_for_every_key(keys: Keys, root: Api) -> None:
    """The key that has disabled it too, and for enabling it; who has signed in can."""
    other = keys.bearing((await keys.add())["auth_token"])
    assert await keys.told("settings/api/disable") == {}
    for name in NAMES:
        for caller in (keys, other):
            assert await caller.refused(name) == (403, "API is disabled")
    await switch_api(root.services, True)
    assert await other.told("ping") == {}
    assert await keys.told("settings/api/enable") == {}


async def test_a_disabled_key_is_told_so(keys: Keys, root: Api) -> None:
    """It is not invalid: it may be enabled again."""
    made = await root("api-tokens/create", "ci")
    await root("api-tokens/set-enabled", made["id"], False)
    status, message = await keys.bearing(made["token"]).refused("ping")
    assert (status, message.endswith("the token is disabled")) == (403, True)


# Bad input


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("verb", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
async def test_each_has_one_verb(keys: Keys, name: str, verb: str) -> None:
    """Another is told which, and does nothing."""
    has = ENDPOINTS[f"/api/v1/{name}"].verb
    if verb != has:
        answered = await keys.answer(name, NEEDED.get(name, {}), verb=verb)
        assert (answered.status, answered.headers["Allow"]) == (405, has)
        assert orjson.loads(answered.body)["result"] == "error"


@pytest.mark.parametrize(
    ("note", "complaint"),
    [
        ("x" * 256, "note must have at most 255 characters"),
        ("a\r\nb", "note must be one line of visible characters"),
        ("\0", None),
        ("\u202e", None),
    ],
)
async def test_notes_are_names(keys: Keys, note: str, complaint: str | None) -> None:
    """What is no name is refused by the field's own name."""
    fields = {"note": note, "auth_token_type": "read-only"}
    status, message = await keys.refused("auth_token/add", fields)
    assert status == 400
    assert message.startswith("note ")
    assert complaint in {None, message}
    assert (await keys.listed()).keys() == {"root"}


@pytest.mark.parametrize("auth_token_type", ["Admin", "ADMIN", "root", "custom", "read-write"])
async def test_types_are_three(keys: Keys, auth_token_type: str) -> None:
    """In lower case."""
    refused = await keys.refused(
        "auth_token/add", {"note": "ci", "auth_token_type": auth_token_type}
    )
    assert refused == (400, "auth_token_type must be one of: read-only, analyst, admin")


async def test_a_field_that_is_given_twice(keys: Keys) -> None:
    """In query and form with other values it is refused, with the same one it is that."""
    fields = {"note": "ci", "auth_token_type": "admin"}
    assert await keys.refused("auth_token/add", fields, query={"note": "other"}) == (
        400,
        "note is given twice, and not the same",
    )
    assert await keys.told("auth_token/add", fields, query=fields)


@pytest.mark.parametrize("name", ["token", "auth_token", "auth_token/", "ping/x", "settings/api"])
async def test_what_is_not_there_is_told_in_json(keys: Keys, name: str) -> None:
    """As everything is."""
    assert (await keys.refused(name, verb="GET"))[0] == 404
