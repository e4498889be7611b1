"""`api-tokens audit …`."""

import re

import click

from app import database
from app.cli.shell import Complaint, run
from app.config import Settings
from app.flags import flag, with_settings
from app.seals import verifying
from app.seals.verifying import Chain
from app.services import open_services

Noted = tuple[int, bytes]


@click.group()
def audit() -> None:
    """The audit trail."""


def _noted(_context: click.Context, _parameter: click.Parameter, text: str | None) -> Noted | None:
    if text is None:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,17}):([0-9a-f]{64})", text)
    if match is None:
        raise click.BadParameter("must be as `audit verify` shows a seal, number:digest")
    return int(match[1]), bytes.fromhex(match[2])


@audit.command("verify")
@flag(
    "--expect",
    metavar="NUMBER:DIGEST",
    callback=_noted,
    help="A seal noted earlier, elsewhere, to be there still: shows if the end was cut off.",
)
@with_settings()
def audit_verify(settings: Settings, expect: Noted | None) -> None:
    """Tell whether the audit trail is as it was sealed, or where it was changed first."""
    chain = run(_verified(settings, expect))
    click.echo(
        f"{chain.events} events in {chain.seals} seals are as they were sealed; "
        f"{chain.unsealed} events are not sealed yet"
        + (f"; last seal {chain.seals}:{chain.digest.hex()}" if chain.seals else "")
    )


async def _verified(settings: Settings, noted: Noted | None) -> Chain:
    async with open_services(settings, serving=False) as services:
        keys = services.dispatcher.tokens.keys
        try:
            with database.at_start():
                return await verifying.verify(services.sql, keys, noted)
        except verifying.Broken as broken:
            raise Complaint(str(broken)) from None
