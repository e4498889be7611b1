"""`api-tokens audit verify`, as an operator uses it."""

import re
from typing import Any

import pytest

from app.key_file import new_key
from app.services import Services
from tests.app.support import put_events, seal
from tests.methods.support import Sql
from tests.support import KEY, output


@pytest.fixture
async def trail(services: Services, sql: Sql) -> Sql:
    """Two seals of five events each, and two events more."""
    await put_events(sql, 10)
    await seal(services, 5)
    await put_events(sql, 2)
    return sql


async def test_says_that_all_is_well(trail: Sql, run: Any) -> None:
    """What is sealed and what is not is counted, and the last seal shown to be noted."""
    said = await run("audit", "verify")
    digest = await trail.fetchval("select digest from audit_seals where number = 2")
    assert said == (
        "10 events in 2 seals are as they were sealed; 2 events are not sealed yet; "
        f"last seal 2:{digest.hex()}\n"
    )


async def test_says_that_nothing_is_sealed(sql: Sql, run: Any) -> None:
    """An empty trail is in order, and has no last seal."""
    assert await run("audit", "verify") == (
        "0 events in 0 seals are as they were sealed; 0 events are not sealed yet\n"
    )


async def test_names_the_first_break(trail: Sql, refused: Any) -> None:
    """A break is one line on stderr, and the exit status tells scripts."""
    await trail.execute("alter table audit_events disable trigger user")
    await trail.execute("delete from audit_events where seal = 2")
    line = await refused("audit", "verify")
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    how = r"its events were changed \(5 sealed, 0 found\)"
    assert re.fullmatch(f"seal 2 of {time}: {how}", line)


async def test_takes_what_it_has_said_before(trail: Sql, run: Any, refused: Any) -> None:
    """The last seal that was shown can be given back as it stands, to notice a cut-off end."""
    noted = (await run("audit", "verify")).split()[-1]
    await run("audit", "verify", "--expect", noted)
    for table in ("audit_events", "audit_seals"):
        await trail.execute(f"alter table {table} disable trigger user")
    await trail.execute("delete from audit_seals where number = 2")
    await trail.execute("update audit_events set seal = null where seal = 2")
    await run("audit", "verify")
    line = await refused("audit", "verify", "--expect", noted)
    assert line == "seal 2 is missing: the last one there is 1"


async def test_verifies_with_retired_keys(
    trail: Sql, run: Any, refused: Any, environment: dict[str, str]
) -> None:
    """A seal of a retired key verifies while that key is given."""
    new = new_key()
    environment["API_TOKENS_KEY"] = f"{new},{KEY}"
    assert (await run("audit", "verify")).startswith("10 events in 2 seals are")
    environment["API_TOKENS_KEY"] = new
    assert re.fullmatch(
        r"seal 1 of \S+: its key '[0-9a-f]{8}' is not among ours", await refused("audit", "verify")
    )


@pytest.mark.parametrize(
    "noted", ["2", "2:", f"0:{'a' * 64}", f"2:{'A' * 64}", f"2:{'a' * 63}", f"-2:{'a' * 64}"]
)
async def test_refuses_what_is_no_seal(noted: str) -> None:
    """What cannot have been noted is refused as bad usage."""
    code, out, errors = await output("audit", "verify", "--expect", noted)
    assert (code, out) == (2, "")
    assert "--expect" in errors
