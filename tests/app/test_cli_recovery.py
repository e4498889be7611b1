"""`api-tokens recovery …`, as a person uses it."""

import base64
from pathlib import Path
from typing import Any

import pytest

from app.key_file import new_key
from app.token_format import Key
from tests.methods.support import Sql
from tests.support import output, running_server

WARNING = "sealed copies of secrets are kept, and there is no --recovery-key-file"


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    """A file with a recovery key."""
    path = tmp_path / "recovery"
    path.write_text(new_key())
    return str(path)


def key_id(key_file: str) -> str:
    """What `status` calls the key."""
    return Key.of(base64.urlsafe_b64decode(Path(key_file).read_text("ascii"))).id


async def copies(sql: Sql) -> int:
    """How many there are."""
    return int(await sql.fetchval("select count(*) from api_tokens where sealed is not null"))


async def test_status_counts_copies(run: Any, key_file: str) -> None:
    """By key, and whether that is there."""
    given = ("--recovery-key-file", key_file)
    assert await run("recovery", "status") == (
        "recovery is off: no new copies are made\nthere are no sealed copies\n"
    )
    for name in ("a", "b"):
        await run("token", "create", name, *given)
    counted = f"2 sealed copies by the key {key_id(key_file)}, which is"
    assert await run("recovery", "status", *given) == f"recovery is on\n{counted} there\n"
    assert await run("recovery", "status") == (
        f"recovery is off: no new copies are made\n{counted} not there to open them\n"
    )


async def test_purge_deletes_every_copy(run: Any, key_file: str, sql: Sql) -> None:
    """The tokens stay, and it is an event."""
    for name in ("a", "b"):
        await run("token", "create", name, "--recovery-key-file", key_file)
    assert await copies(sql) == 2
    assert await run("recovery", "purge", "--yes") == "2 sealed copies deleted\n"
    assert await copies(sql) == 0
    assert await sql.fetchval("select count(*) from api_tokens") == 2
    assert await run("recovery", "purge", "--yes") == "0 sealed copies deleted\n"
    rows = await sql.fetch("select details from audit_events where action = 'recovery/purge'")
    assert [row["details"] for row in rows] == ['{"copies": 2}']


async def test_purge_asks_first(
    run: Any, environment: dict[str, str], key_file: str, sql: Sql
) -> None:
    """Who says nothing has not said yes."""
    await run("token", "create", "a", "--recovery-key-file", key_file)
    code, out, errors = await output("recovery", "purge", environment=environment)
    assert (code, out) == (1, "")
    assert "Delete every sealed copy of a secret?" in errors
    assert await copies(sql) == 1


async def test_a_service_tells_of_copies_that_it_does_not_want(
    run: Any, environment: dict[str, str], key_file: str
) -> None:
    """Switched off, they are not forgotten silently; nothing is said where all is as it should."""
    for given, told in (
        ((), False),
        (("--recovery-key-file", key_file), False),
        ((), True),
    ):
        async with running_server(*given, environment=environment) as server:
            assert (WARNING in server.said()) is told
        await run("token", "create", "a", "--recovery-key-file", key_file)


@pytest.mark.parametrize("content", [None, "", "short", "ä"])
async def test_a_key_file_that_cannot_be_used_is_refused(
    refused: Any, tmp_path: Path, content: str | None
) -> None:
    """None is made: that would be another key than the copies were sealed by."""
    path = tmp_path / "recovery"
    if content is not None:
        path.write_text(content)
    told = await refused("recovery", "status", "--recovery-key-file", str(path))
    assert str(path) in told
    assert path.exists() is (content is not None)
