"""Keys whose secrets are kept: who sees them again, and that it is told."""

import pytest

from tests.methods.support import Sql, events
from tests.support import Api
from tests.wire.console_v1.keys import Keys


@pytest.fixture
def keys(keeper: Api) -> Keys:
    """The API by the root user's first token, of a service that keeps sealed copies."""
    return Keys(keeper, keeper.token)


async def test_list_shows_secrets_to_admins(keys: Keys, sql: Sql) -> None:
    """Each is an event."""
    key = await keys.add()
    listed = await keys.listed()
    assert {note: told["auth_token"] for note, told in listed.items()} == {
        "root": keys.key,
        "ci": key["auth_token"],
    }
    assert len(await events(sql, "api-tokens/read")) == 2


@pytest.mark.parametrize("auth_token_type", ["read-only", "analyst"])
async def test_list_shows_others_hints(keys: Keys, sql: Sql, auth_token_type: str) -> None:
    """Their own key too."""
    weak = keys.bearing((await keys.add("weak", auth_token_type))["auth_token"])
    assert all("…" in told["auth_token"] for told in (await weak.listed()).values())
    assert await events(sql, "api-tokens/read") == []


@pytest.mark.parametrize("name", ["auth_token/download", "token/download"])
async def test_download_has_any_keys_secret(keys: Keys, sql: Sql, name: str) -> None:
    """It is an event."""
    key = await keys.add()
    answered = await keys.answer(name, query={"key_id": key["key_id"]})
    assert f"api_key = {key['auth_token']}\n" in answered.body.decode()
    [event] = await events(sql, "api-tokens/read")
    assert event["details"] == {"name": "ci", "secret": True}
