"""`api-tokens token …`."""

from datetime import UTC, datetime
from typing import Any, Final

import click

from app.cli.operator import all_rows, method
from app.cli.shell import Text, run
from app.cli.table import cell, print_table
from app.config import Settings
from app.flags import flag, with_settings
from app.services import ROOT_USER

NEVER: Final = "never"


@click.group()
def token() -> None:
    """API tokens."""


@token.command("create")
@click.argument("name", type=Text())
@flag("--user", type=Text(), default=ROOT_USER, show_default=True, help="Whose token it is.")
@flag("--role", type=Text(), help="A preset of permissions.")
@flag("--permission", type=Text(), multiple=True, help="A permission; may be repeated.")
@flag(
    "--expires", type=Text(), help="When it ends: 30d, 12h, or a time such as 2027-01-31T12:00:00Z."
)
@with_settings()
def token_create(
    settings: Settings,
    name: str,
    user: str,
    role: str | None,
    permission: tuple[str, ...],
    expires: str | None,
) -> None:
    """Make a token and print its secret, and nothing else."""
    options: dict[str, Any] = {"role": role, "expires": expires}
    if permission:
        options["permissions"] = dict.fromkeys(permission, True)
    created = run(method(settings, user, "api-tokens/create", name, options))
    click.echo(created.data["token"])


@token.command("list")
@flag("--user", type=Text(), help="Only this user's.")
@with_settings()
def token_list(settings: Settings, user: str | None) -> None:
    """List tokens, everybody's unless told whose."""
    options = {"owner": "me" if user else "all"}
    rows = run(all_rows(settings, user or ROOT_USER, "api-tokens/read", options))
    shown = [{**row, "expires": _end(row["expires"])} for row in rows]
    print_table(shown, ("id", "name", "role", "hint", "permissions", "enabled", "expires"))


@token.command("update")
@click.argument("token_id", type=Text(), metavar="ID")
@flag("--name", type=Text(), help="What it is for.")
@flag("--role", type=Text(), help="A preset of permissions.")
@flag("--expires", type=Text(), help='When it ends, as for create, or "never".')
@flag("--finish-rotation", is_flag=True, help="The secret before the current one dies at once.")
@with_settings()
def token_update(settings: Settings, token_id: str, **given: Any) -> None:
    """Change a token."""
    changes = {name: value for name, value in given.items() if value not in (None, False)}
    if changes.get("expires") == NEVER:
        changes["expires"] = None
    run(method(settings, ROOT_USER, "api-tokens/update", token_id, changes))


@token.command("rotate")
@click.argument("token_id", type=Text(), metavar="ID")
@flag("--grace", type=Text(), help="How long the secret before goes on working: 15m, 2h, 7d.")
@flag("--until-first-use", is_flag=True, help="It dies earlier, when the new one is first used.")
@with_settings()
def token_rotate(settings: Settings, token_id: str, **options: Any) -> None:
    """Give a token a new secret, and print it and nothing else."""
    rotated = run(method(settings, ROOT_USER, "api-tokens/rotate", token_id, options))
    click.echo(rotated.data["token"])


@token.command("enable")
@click.argument("token_id", type=Text(), metavar="ID")
@with_settings()
def token_enable(settings: Settings, token_id: str) -> None:
    """Let a disabled token work again."""
    run(method(settings, ROOT_USER, "api-tokens/set-enabled", token_id, True))


@token.command("disable")
@click.argument("token_id", type=Text(), metavar="ID")
@with_settings()
def token_disable(settings: Settings, token_id: str) -> None:
    """Let a token work no more, until it is enabled."""
    run(method(settings, ROOT_USER, "api-tokens/set-enabled", token_id, False))


@token.command("delete")
@click.argument("token_id", type=Text(), metavar="ID")
@with_settings()
def token_delete(settings: Settings, token_id: str) -> None:
    """Delete a token."""
    run(method(settings, ROOT_USER, "api-tokens/delete", token_id))


def _end(expires: datetime | None) -> str | None:
    """When a token ends, and whether that has come."""
    if expires is None:
        return None
    return cell(expires) + (" expired" if expires <= datetime.now(UTC) else "")
