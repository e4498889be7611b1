"""`api-tokens recovery …`."""

import click

from app.cli.operator import operator
from app.cli.shell import run
from app.config import Settings
from app.flags import flag, with_settings
from app.services import ROOT_USER, recovery_of


@click.group()
def recovery() -> None:
    """Sealed copies of tokens' secrets (see --recovery-key-file)."""


@recovery.command("status")
@with_settings()
def recovery_status(settings: Settings) -> None:
    """Tell how many sealed copies are kept, by which key, and whether that key is there."""
    run(_print_copies(settings))


@recovery.command("purge")
@flag("--yes", is_flag=True, help="Do not ask.")
@with_settings()
def recovery_purge(settings: Settings, yes: bool) -> None:
    """Delete every sealed copy; the tokens go on working."""
    if not yes:
        click.confirm("Delete every sealed copy of a secret?", abort=True, err=True)
    click.echo(f"{run(_purge(settings))} sealed copies deleted")


async def _print_copies(settings: Settings) -> None:
    known = recovery_of(settings)
    click.echo("recovery is on" if known.is_on else "recovery is off: no new copies are made")
    async with operator(settings, ROOT_USER) as (services, _):
        rows = await services.sql.rows("_service/sealed_copies", {})
    for row in rows:
        there = (
            "which is there" if known.opens(row["key_id"]) else "which is not there to open them"
        )
        click.echo(f"{row['copies']} sealed copies by the key {row['key_id']}, {there}")
    if not rows:
        click.echo("there are no sealed copies")


async def _purge(settings: Settings) -> int:
    async with operator(settings, ROOT_USER) as (services, caller):
        total = 0
        while True:
            row = await services.sql.row("_service/purge_sealed", {"caller_user": caller.user_id})
            assert row
            purged: int = row["copies"]
            total += purged
            if not purged:
                return total
