import re
from typing import Any

import asyncpg
import pytest


async def token_id(run: Any, *arguments: str) -> str:
    """The id of a new token named "ci"."""
    await run("token", "create", "ci", *arguments)
    [found] = re.findall(r"^(\S{36})  ci", await run("token", "list"), re.MULTILINE)
    return str(found)


async def test_rotate_prints_the_new_secret_alone(run: Any) -> None:
    """What `token rotate` prints can be assigned to a variable, and is listed by its hint."""
    made = await token_id(run)
    secret = await run("token", "rotate", made, "--grace", "15m", "--until-first-use")
    assert re.fullmatch(r"apt_\w{36}\n", secret)
    assert f"apt_…{secret.strip()[-4:]}" in await run("token", "list")


async def test_rotate_without_flags_needs_none(run: Any, sql: "asyncpg.Connection") -> None:
    """Without --grace the secret before dies at once."""
    await run("token", "rotate", await token_id(run))
    assert await sql.fetchval("select previous_until from api_tokens") is None


async def test_rotate_says_what_is_wrong(run: Any, refused: Any) -> None:
    """A refusal is one line."""
    made = await token_id(run)
    text = 'Arguments validation error: Value at "/1/grace" must be at most 7 days'
    assert await refused("token", "rotate", made, "--grace", "8d") == text
    assert await refused("token", "rotate", "nonsense") == "Token not found"


async def test_update_changes_what_is_given(run: Any) -> None:
    """Name, role and expiry; what is not given stays."""
    made = await token_id(run, "--expires", "30d")
    await run("token", "update", made, "--name", "deploy", "--role", "read-only")
    listed = await run("token", "list")
    assert re.search(rf"{made}  deploy  read-only +\S+ +read +yes +\d{{4}}-", listed)


async def test_update_takes_the_expiry_away(run: Any) -> None:
    """An expiry of "never" is none."""
    made = await token_id(run, "--expires", "30d")
    await run("token", "update", made, "--expires", "never")
    assert re.search(rf"{made} .* yes +-$", await run("token", "list"), re.MULTILINE)


async def test_update_finishes_a_rotation(run: Any, sql: "asyncpg.Connection") -> None:
    """--finish-rotation ends the secret before."""
    made = await token_id(run)
    await run("token", "rotate", made, "--grace", "1h")
    await run("token", "update", made, "--finish-rotation")
    assert await sql.fetchval("select previous_digest from api_tokens") is None


async def test_update_needs_something_to_change(run: Any, refused: Any) -> None:
    """Nothing given is a mistake, not a success."""
    assert "must have at least 1 entries" in await refused("token", "update", await token_id(run))


@pytest.mark.parametrize(("command", "shown"), [("disable", "no"), ("enable", "yes")])
async def test_switches_a_token(run: Any, command: str, shown: str) -> None:
    """A disabled token stays listed."""
    made = await token_id(run)
    assert await run("token", command, made) == ""
    assert re.search(rf"{made} .* {shown} +-$", await run("token", "list"), re.MULTILINE)


async def test_list_tells_what_has_expired(run: Any, sql: "asyncpg.Connection") -> None:
    """An expired token stays listed, and is shown as such."""
    await token_id(run, "--expires", "30d")
    assert "expired" not in await run("token", "list")
    await sql.execute("update api_tokens set expires = now() - interval '1 day'")
    listed = await run("token", "list")
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ expired$", listed, re.MULTILINE)
