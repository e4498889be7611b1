"""`api-tokens user …`."""

import sys
from typing import Any

import click

from app import permissions
from app.cli.operator import all_rows, dispatch, method, operator
from app.cli.shell import Complaint, Text, run
from app.cli.table import print_table
from app.config import Settings
from app.flags import flag, with_settings
from app.services import ROOT_USER


@click.group()
def user() -> None:
    """Users."""


@user.command("create")
@click.argument("name", type=Text())
@flag(
    "--permission", type=Text(), multiple=True, help="Exactly these permissions; may be repeated."
)
@with_settings()
def user_create(settings: Settings, name: str, permission: tuple[str, ...]) -> None:
    """Add a user and print the id."""
    options = {"permissions": list(permission)} if permission else {}
    created = run(method(settings, ROOT_USER, "users/create", name, options))
    click.echo(created.data["id"])


@user.command("list")
@with_settings()
def user_list(settings: Settings) -> None:
    """List users."""
    rows = run(all_rows(settings, ROOT_USER, "users/read", {}))
    print_table(rows, ("id", "name", "root", "permissions", "enabled", "created"))


@user.command("set-password")
@click.argument("name", type=Text())
@with_settings()
def user_set_password(settings: Settings, name: str) -> None:
    """Set a user's password and end their sessions.

    It is asked for, or is the first line of standard input where that is no terminal.
    """
    run(_on_user(settings, name, "users/set-password", _password()))


@user.command("set-permissions")
@click.argument("name", type=Text())
@flag(
    "--permission", type=Text(), multiple=True, help="Exactly these permissions; may be repeated."
)
@with_settings()
def user_set_permissions(settings: Settings, name: str, permission: tuple[str, ...]) -> None:
    """Replace what a user holds; without --permission by the default permissions."""

    async def replaced() -> None:
        known = permissions.load(settings.permissions)
        wanted = known.exactly(permission) if permission else {}
        await _on_user(settings, name, "users/set-permissions", wanted)

    run(replaced())


@user.command("enable")
@click.argument("name", type=Text())
@with_settings()
def user_enable(settings: Settings, name: str) -> None:
    """Let a disabled user in again, with the tokens they had."""
    run(_on_user(settings, name, "users/set-enabled", True))


@user.command("disable")
@click.argument("name", type=Text())
@with_settings()
def user_disable(settings: Settings, name: str) -> None:
    """Refuse a user's tokens until they are enabled again, and end their sessions."""
    run(_on_user(settings, name, "users/set-enabled", False))


@user.command("delete")
@click.argument("name", type=Text())
@flag("--yes", is_flag=True, help="Do not ask.")
@with_settings()
def user_delete(settings: Settings, name: str, yes: bool) -> None:
    """Delete a user with all their tokens."""
    if not yes:
        click.confirm(f"Delete {name!r} with all their tokens?", abort=True, err=True)
    run(_on_user(settings, name, "users/delete"))


async def _on_user(settings: Settings, name: str, method: str, *arguments: Any) -> None:
    """Call a method on the user of this name."""
    async with operator(settings, ROOT_USER) as (services, caller):
        options = {"where": {"name": ["=", name]}}
        found = (await dispatch(services, caller, "users/read", [options])).data
        if not found:
            raise Complaint(f"there is no user {name!r}")
        await dispatch(services, caller, method, [found[0]["id"], *arguments])


def _password() -> str:
    """The password a person types twice, or a script writes in one line."""
    if sys.stdin.isatty():
        text: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return text
    line = sys.stdin.buffer.readline().decode(errors="surrogateescape")
    return line.rstrip("\r\n")
