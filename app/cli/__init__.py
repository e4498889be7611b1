"""The command line. Commands on data speak to the same methods as every wire."""

import click

from app.cli.audit import audit
from app.cli.calls import call
from app.cli.docs import docs
from app.cli.imports import import_tokens
from app.cli.recovery import recovery
from app.cli.settings import settings
from app.cli.shell import run
from app.cli.tokens import token
from app.cli.users import user
from app.config import Settings
from app.flags import with_settings
from app.server import log_to_stderr
from app.server import serve as serve_alone
from app.services import open_services
from app.workers import serve as serve_with_workers


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="api-tokens")
def commands() -> None:
    """Issue, manage and verify API tokens."""


@commands.command()
@with_settings(server=True)
def serve(settings: Settings) -> None:
    """Run the service; without --database-url on its own embedded PostgreSQL."""
    run(serve_alone(settings) if settings.workers == 1 else serve_with_workers(settings))


@commands.command()
@with_settings()
def migrate(settings: Settings) -> None:
    """Bring the database up to date. `serve` does so too."""

    async def migrated() -> None:
        async with open_services(settings, serving=False):
            click.echo("the database is up to date")

    run(migrated())


for command in (audit, call, docs, import_tokens, recovery, settings, token, user):
    commands.add_command(command)


def main() -> None:
    """The program `api-tokens`."""
    log_to_stderr()
    commands(prog_name="api-tokens")
