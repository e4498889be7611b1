"""What calls and verifications leave behind, as the running service tells it."""

from dataclasses import replace
from typing import Any

from app.config import Settings
from app.services import open_services
from tests.methods.support import bearer
from tests.support import Api, first_token, until


async def test_tells_of_every_use(settings: Settings) -> None:
    """A token's own calls and what back ends ask about it count alike."""
    settings = replace(settings, usage_interval=0.01)
    async with open_services(settings, serving=True) as services:
        root = Api(services, await first_token(services))
        used = await bearer(root, read=True)
        token_id = await used.token_id()
        for permissions in (["read"], ["read", "write"], []):
            await root("api-tokens/verify", used.token, {"permissions": permissions})
        await root("api-tokens/set-enabled", token_id, False)
        assert (await used.refusal("api-tokens/read")).code == -32813
        await root("api-tokens/verify-batch", [used.token, used.token])

        async def usage() -> Any:
            return await root("api-tokens/get-usage", token_id)

        async def all_written() -> bool:
            days = (await usage())["days"]
            return bool(days and days[0]["verifications"] >= 7)

        await until(all_written)
        [day] = (await usage())["days"]
        token = await root("api-tokens/read", {"id": token_id})
    assert day["verifications"] == 7
    assert day["refusals"] == {"INSUFFICIENT_PERMISSIONS": 1, "DISABLED": 3}
    assert day["permissions"] == {"read": 1}
    assert token["last_used"] is not None


async def test_writes_what_the_last_calls_were(settings: Settings) -> None:
    """A service that stops leaves nothing uncounted."""
    settings = replace(settings, usage_interval=3600.0)
    async with open_services(settings, serving=True) as services:
        root = Api(services, await first_token(services))
        used = await bearer(root)
        token_id = await used.token_id()
        for _ in range(10):
            await used("api-tokens/read")
        assert (await root("api-tokens/get-usage", token_id))["days"] == []
    async with open_services(settings, serving=True) as services:
        [day] = (await replace(root, services=services)("api-tokens/get-usage", token_id))["days"]
    assert day["verifications"] == 11
