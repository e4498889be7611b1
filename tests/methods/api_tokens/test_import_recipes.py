"""The README's recipes are true: what other systems keep moves in, and their keys go on working.

What each of them stores was read in its source; keys and digests are made here as it makes them.
"""

import base64
import hashlib
import io
import re
from typing import Any

import orjson
import pytest

from app.import_file import chunks
from tests.methods.support import Sql
from tests.support import ROOT, Api

README = (ROOT / "README.md").read_text("utf-8")
UNKEY = "acme_3ZaCHpNUcBkpFBRzgQ6w2dEv"
BETTER_AUTH = "acme_NnXQkHcWtYbVrLpGfDsZmJxKwQvTyBnCRaEuHgPiOlMdSfJkWzXcVbNmQwErTyUi"
DRF = "hN8wq2Lx.pZ5vR1tY7cK3mB9dF6sJ0gX4nW8uE2aQ"


def sha256(key: str) -> bytes:
    """The digest that Unkey and better-auth spell each in their own way."""
    return hashlib.sha256(key.encode()).digest()


def recipe(table: str) -> str:
    """The query of the README that reads from this table."""
    blocks = re.findall(r"^ *```sql\n(.*?)^ *```", README, re.MULTILINE | re.DOTALL)
    [found] = [block for block in blocks if table in block]
    return str(found)


async def moved_in(root: Api, lines: list[str]) -> dict[str, Any]:
    """Import lines as the command does; the token that came of the last one."""
    for chunk in chunks(io.BytesIO("\n".join(lines).encode()), "jsonl"):
        answer = await root("api-tokens/import", chunk.rows)
        assert (chunk.refused, answer["refused"]) == ({}, [])
    [row] = await root("api-tokens/read", {"owner": "all", "where": {"name": "ci"}})
    return dict(row)


async def owner(api: Api, key: str) -> str:
    """Who calls with a key."""
    return str((await api.bearing(key)("session/read"))["user"]["name"])


async def test_unkey(root: Api) -> None:
    """Base64 of SHA-256 with its padding; the line is what MySQL prints for such a row."""
    await root("users/create", "user_1")
    columns = re.findall(r"'(\w+)',", recipe("`keys`"))
    line = {
        "digest": base64.b64encode(sha256(UNKEY)).decode(),
        "scheme": "sha256",
        "hint": UNKEY[:9],
        "owner": "user_1",
        "name": "ci",
        "enabled": True,
        "created": "2024-02-29T08:30:00Z",
        "expires": None,
    }
    assert {*line} <= {*columns}
    row = await moved_in(root, [orjson.dumps(line).decode()])
    assert (row["hint"], row["created"]) == ("acme_3ZaC", "2024-02-29T08:30:00Z")
    assert await owner(root, UNKEY) == "user_1"


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz"])
async def test_better_auth(root: Api, sql: Sql, kind: str) -> None:
    """Base64url of SHA-256 without padding; its tables may be made with either kind of time."""
    await sql.execute(
        'create table "user" (id text, email text);'
        " create table apikey (id text, name text, start text, key text, enabled boolean,"
        f' "referenceId" text, "createdAt" {kind}, "expiresAt" {kind});'
        """ insert into "user" values ('u1', 'ann@example.com')"""
    )
    key = base64.urlsafe_b64encode(sha256(BETTER_AUTH)).decode().rstrip("=")
    await sql.execute(
        "insert into apikey values"
        " ('k1', null, 'acme_o', repeat('A', 43), false, 'u1', '2024-02-29', null),"
        " ('k2', 'ci', 'acme_N', $1, true, 'u1', '2024-02-29 08:30:00', '2099-01-01')",
        key,
    )
    await sql.execute("set timezone to 'UTC'")
    await root("users/create", "ann@example.com")
    row = await moved_in(root, [line for (line,) in await sql.fetch(recipe("apikey k"))])
    assert (row["hint"], row["created"]) == ("acme_N", "2024-02-29T08:30:00Z")
    assert row["expires"] == "2099-01-01T00:00:00Z"
    assert await owner(root, BETTER_AUTH) == "ann@example.com"


async def test_drf_api_key(root: Api, sql: Sql) -> None:
    """`sha512$$` and the hex digest of the whole key; what a password hasher made is left out."""
    await sql.execute(
        "create table rest_framework_api_key_apikey (id varchar(150), prefix varchar(8),"
        " hashed_key varchar(150), name varchar(50), revoked boolean, created timestamptz,"
        " expiry_date timestamptz)"
    )
    await sql.execute(
        "insert into rest_framework_api_key_apikey values"
        " ('1', 'old', 'pbkdf2_sha256$600000$salt$aGFzaA==', 'old', false, now(), null),"
        " ('2', $1, $2, 'ci', false, '2024-02-29 08:30:00+00', '2099-01-01 00:00:00+00')",
        DRF.partition(".")[0],
        "sha512$$" + hashlib.sha512(DRF.encode()).hexdigest(),
    )
    await root("users/create", "drf")
    row = await moved_in(root, [line for (line,) in await sql.fetch(recipe("rest_framework"))])
    assert (row["hint"], row["enabled"]) == ("hN8wq2Lx", True)
    assert await owner(root, DRF) == "drf"
    assert not await root("api-tokens/read", {"owner": "all", "where": {"name": "old"}})
