from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.config import Settings
from app.errors import CannotStart
from app.services import open_services
from tests.support import Api, first_token

ORDERS = '[permissions."orders.read"]\ndefault = true\n[permissions.read]\n'
ROLES = '[roles.clerk]\npermissions = ["orders.read", "read"]\n'


@asynccontextmanager
async def service(settings: Settings, file: Path, text: str, token: str = "") -> AsyncIterator[Api]:
    """The API of root's first token, or of this one, under a permission file."""
    file.write_text(text)
    async with open_services(replace(settings, permissions=file), serving=True) as services:
        yield Api(services, token or await first_token(services))


async def test_a_removed_permission_is_no_longer_effective(
    settings: Settings, tmp_path: Path
) -> None:
    """Tokens that carry it go on with the rest, and it is back when the file has it again."""
    file = tmp_path / "permissions.toml"
    async with service(settings, file, ORDERS + ROLES) as root:
        first = str(root.token)
        made = await root("api-tokens/create", "ci", {"role": "clerk"})
        assert made["permissions"] == {"orders.read": True, "read": True}
    async with service(settings, file, "[permissions.read]\n", first) as root:
        token = root.bearing(made["token"])
        assert (await token("session/read"))["permissions"] == {"read": True}
        [row] = await root("api-tokens/read", {"where": {"name": "ci"}})
        assert (row["role"], row["permissions"]) == ("clerk", {"read": True})
        assert await root("api-tokens/get-permissions", made["id"]) == {
            "admin": False,
            "verify": False,
            "read": True,
        }
    async with service(settings, file, ORDERS, first) as root:
        token = root.bearing(made["token"])
        assert (await token("session/read"))["permissions"] == made["permissions"]


async def test_a_removed_permission_can_still_be_overwritten(
    settings: Settings, tmp_path: Path
) -> None:
    """Whoever carries it can be changed, rotated and deleted; it cannot be granted any more."""
    file = tmp_path / "permissions.toml"
    async with service(settings, file, ORDERS + ROLES) as root:
        first = str(root.token)
        made = await root("api-tokens/create", "ci", {"role": "clerk"})
    async with service(settings, file, "[permissions.read]\n", first) as root:
        refusal = await root.refusal("api-tokens/update", made["id"], {"role": "clerk"})
        assert refusal.text == 'Role "clerk" is not valid'
        wanted = {"orders.read": True}
        refusal = await root.refusal("api-tokens/set-permissions", made["id"], wanted)
        assert refusal.text == 'Permission "orders.read" is not valid'
        await root("api-tokens/rotate", made["id"])
        await root("api-tokens/set-permissions", made["id"], {"read": True})
    async with service(settings, file, ORDERS, first) as root:
        [row] = await root("api-tokens/read", {"where": {"name": "ci"}})
        assert row["permissions"] == {"read": True}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[permissions.Read]\n", "permissions.Read: a permission's name must match"),
        ("[permissions.read]\ntitel = 'x'\n", "permissions.read.titel: is not a key of this file"),
        ("[roles.x]\npermissions = ['fly']\n", "roles.x.permissions: 'fly' is not a permission"),
    ],
)
async def test_a_bad_file_stops_the_start(
    settings: Settings, tmp_path: Path, text: str, complaint: str
) -> None:
    """The service does not begin with half of what was meant; it names the file and the key."""
    file = tmp_path / "permissions.toml"
    with pytest.raises(CannotStart) as caught:
        async with service(settings, file, text):
            pass
    assert str(caught.value).startswith(f"{file}: {complaint}")
