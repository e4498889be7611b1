"""`api-tokens settings …`, as a person uses it."""

from typing import Any

import asyncpg
import orjson
import pytest

from tests.support import output, running_server


async def test_read_prints_json(run: Any, sql: "asyncpg.Connection[Any]") -> None:
    """What `settings/read` answers can be read by other programs."""
    await sql.execute("update settings set api_enabled = false")
    answer = orjson.loads(await run("settings", "read"))
    assert (answer["api_enabled"], answer["roles"]["read-only"]["permissions"]) == (False, ["read"])


async def test_set_api_enabled_reaches_a_running_service(
    environment: dict[str, str], run: Any, refused: Any
) -> None:
    """Off and on again by the command line, as tokens find at once."""
    async with running_server(environment=environment) as server:
        call = ["call", "api-tokens/read", "--url", server.url, "--token", server.root_token]
        assert await run("settings", "set-api-enabled", "false") == ""
        assert await refused(*call) == "Session is disabled: the API is disabled"
        assert await run("settings", "set-api-enabled", "true") == ""
        assert '"name": "root"' in await run(*call)


@pytest.mark.parametrize("arguments", [[], ["maybe"], ["null"], ["true", "false"]])
async def test_set_api_enabled_takes_true_or_false(
    environment: dict[str, str], arguments: list[str]
) -> None:
    """Nothing is guessed: anything else is a usage error."""
    code, out, errors = await output(
        "settings", "set-api-enabled", *arguments, environment=environment
    )
    assert (code, out) == (2, "")
    assert "Usage: api-tokens settings set-api-enabled" in errors
