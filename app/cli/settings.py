"""`api-tokens settings …`."""

import click
import orjson

from app.cli.operator import method
from app.cli.shell import run
from app.config import Settings
from app.flags import with_settings
from app.services import ROOT_USER


@click.group()
def settings() -> None:
    """What is set for the whole service."""


@settings.command("read")
@with_settings()
def settings_read(settings: Settings) -> None:
    """Print whether the API is on, and every permission and role, as JSON."""
    answer = run(method(settings, ROOT_USER, "settings/read"))
    click.echo(orjson.dumps(answer.data, option=orjson.OPT_INDENT_2))


@settings.command("set-api-enabled")
@click.argument("enabled", type=click.BOOL, metavar="true|false")
@with_settings()
def settings_set_api_enabled(settings: Settings, enabled: bool) -> None:
    """Refuse every API token (false), or take them again (true); sessions go on."""
    run(method(settings, ROOT_USER, "settings/set-api-enabled", enabled))
