from dataclasses import replace
from pathlib import Path

from app.config import Settings
from app.services import open_services
from tests.conftest import MemberMaker
from tests.methods.support import PASSWORD, Sql, signed_in, user_id
from tests.support import Api, first_token

OWN = """
[permissions."orders.read"]
title = "Read orders"
description = "See orders and their lines."
default = true

[roles.clerk]
title = "Clerk"
permissions = ["orders.read"]
"""


async def test_shows_every_permission(root: Api) -> None:
    """Each permission comes with a title, a description, and whether it is default."""
    permissions = (await root("settings/read"))["permissions"]
    assert permissions["read"] == {"title": "Read", "description": "Read data.", "default": True}
    defaults = {name: row["default"] for name, row in permissions.items()}
    assert defaults == {"read": True, "write": True, "admin": False, "verify": False}


async def test_shows_every_role(root: Api) -> None:
    """Each role comes with a title and its permissions."""
    roles = (await root("settings/read"))["roles"]
    assert roles["read-only"] == {"title": "Read-Only", "permissions": ["read"]}
    assert set(roles) == {"read-only", "read-write", "analyst", "admin"}


async def test_shows_the_operators_own(settings: Settings, tmp_path: Path) -> None:
    """Permissions and roles are those of the operator's file."""
    path = tmp_path / "permissions.toml"
    path.write_text(OWN)
    async with open_services(replace(settings, permissions=path), serving=True) as services:
        answer = await Api(services, await first_token(services))("settings/read")
    assert answer["permissions"]["orders.read"] == {
        "title": "Read orders",
        "description": "See orders and their lines.",
        "default": True,
    }
    assert answer["permissions"].keys() == {"orders.read", "admin", "verify"}
    assert answer["roles"] == {"clerk": {"title": "Clerk", "permissions": ["orders.read"]}}


async def test_shows_whether_the_api_is_on(root: Api, sql: Sql) -> None:
    """A person signed in sees how it is just now."""
    await root("users/set-password", await user_id(root, "root"), PASSWORD)
    person = await signed_in(root, "root", PASSWORD)
    for enabled in (True, False):
        await sql.execute("update settings set api_enabled = $1", enabled)
        assert (await person("settings/read"))["api_enabled"] is enabled


async def test_shows_them_to_everybody_known(root: Api, member: MemberMaker) -> None:
    """It takes no permission to know which there are."""
    powerless = await member("alice", [])
    assert await powerless("settings/read") == await root("settings/read")
