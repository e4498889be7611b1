"""The command line. Commands on data speak to the same methods as every wire."""

import logging
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import click
import orjson
import uvloop

from app import client
from app.call import Caller, Failure, Request, Success
from app.config import Settings
from app.errors import CannotStart, Refusal
from app.flags import flag, with_settings
from app.registry import VERSION
from app.server import serve as run_server
from app.services import ROOT_USER, Services, open_services


class Complaint(click.ClickException):
    """One line on stderr and exit status 1."""

    def show(self, file: Any = None) -> None:
        """Print it; what PostgreSQL or a stranger says may have several lines."""
        line = " ".join(self.message.splitlines())
        click.echo(f"api-tokens: {line}", err=True, file=file)


class Text(click.types.StringParamType):
    """Text that can be stored and sent; the shell hands over any bytes."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The text as it is."""
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Complaint(f"not valid text: {param.name}") from None
        return super().convert(value, param, ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="api-tokens")
def commands() -> None:
    """Issue, manage and verify API tokens."""


@commands.command()
@with_settings(server=True)
def serve(settings: Settings) -> None:
    """Run the service; without --database-url on its own embedded PostgreSQL."""
    _run(run_server(settings))


@commands.command()
@with_settings()
def migrate(settings: Settings) -> None:
    """Bring the database up to date. `serve` does so too."""

    async def run() -> None:
        async with open_services(settings, serving=False):
            click.echo("the database is up to date")

    _run(run())


@commands.group()
def token() -> None:
    """API tokens."""


@token.command("create")
@click.argument("name")
@flag("--user", type=Text(), default=ROOT_USER, show_default=True, help="Whose token it is.")
@flag("--role", help="A preset of permissions.")
@flag("--permission", multiple=True, help="A permission; may be repeated.")
@flag("--expires", help="When it ends: 30d, 12h, or a time such as 2027-01-31T12:00:00Z.")
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
    created = _run(_method(settings, user, "api-tokens/create", name, options))
    click.echo(created.data["token"])


@token.command("list")
@flag("--user", type=Text(), help="Only this user's.")
@with_settings()
def token_list(settings: Settings, user: str | None) -> None:
    """List tokens, everybody's unless told whose."""
    options = {"owner": "me" if user else "all"}
    rows = _run(_all_rows(settings, user or ROOT_USER, "api-tokens/read", options))
    _print_table(rows, ("id", "name", "role", "hint", "permissions", "enabled", "expires"))


@token.command("delete")
@click.argument("token_id", metavar="ID")
@with_settings()
def token_delete(settings: Settings, token_id: str) -> None:
    """Delete a token."""
    _run(_method(settings, ROOT_USER, "api-tokens/delete", token_id))


@commands.group()
def user() -> None:
    """Users."""


@user.command("create")
@click.argument("name")
@flag("--permission", multiple=True, help="Exactly these permissions; may be repeated.")
@with_settings()
def user_create(settings: Settings, name: str, permission: tuple[str, ...]) -> None:
    """Add a user and print the id."""
    options = {"permissions": list(permission)} if permission else {}
    created = _run(_method(settings, ROOT_USER, "users/create", name, options))
    click.echo(created.data["id"])


@user.command("list")
@with_settings()
def user_list(settings: Settings) -> None:
    """List users."""
    rows = _run(_all_rows(settings, ROOT_USER, "users/read", {}))
    _print_table(rows, ("id", "name", "root", "permissions", "enabled", "created"))


@commands.command()
@click.argument("method", type=Text())
@click.argument("arguments", type=Text(), metavar="[JSON-ARG]...", nargs=-1)
@flag(
    "--url",
    type=Text(),
    default="http://127.0.0.1:8080",
    show_default=True,
    help="The running service.",
)
@flag(
    "--token",
    help="The API token to call with (better: API_TOKENS_TOKEN, which other users cannot see).",
)
def call(method: str, arguments: tuple[str, ...], url: str, token: str | None) -> None:
    """Call a method of a running service and print what it answers.

    Each argument is JSON, so text is quoted twice:

        api-tokens call api-tokens/create '"ci"' '{"role": "read-only"}'
    """
    try:
        data = client.call(url, method, map(_json_argument, arguments), token)
    except client.CallError as error:
        raise Complaint(str(error)) from None
    click.echo(orjson.dumps(data, option=orjson.OPT_INDENT_2))


def main() -> None:
    """The program `api-tokens`."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    commands(prog_name="api-tokens")


T = TypeVar("T")


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return uvloop.run(work)
    except (CannotStart, Refusal) as error:
        raise Complaint(str(error)) from None


@asynccontextmanager
async def _operator(settings: Settings, name: str) -> AsyncIterator[tuple[Services, Caller]]:
    """The services for one command, and the user it speaks as."""
    async with open_services(settings, serving=False) as services:
        await services.make_root()
        yield services, await services.operator(name)


async def _method(settings: Settings, user_name: str, method: str, *arguments: Any) -> Success:
    async with _operator(settings, user_name) as (services, caller):
        return await _dispatch(services, caller, method, arguments)


async def _all_rows(
    settings: Settings, user_name: str, method: str, options: dict[str, Any]
) -> list[Any]:
    """Every row of a `read` method, page by page."""
    rows: list[Any] = []
    async with _operator(settings, user_name) as (services, caller):
        while True:
            page = await _dispatch(services, caller, method, [options])
            rows += page.data
            if not page.meta["next_page"]:
                return rows
            options = {**options, "after": page.meta["next_cursor"]}


async def _dispatch(
    services: Services, caller: Caller, method: str, arguments: Sequence[Any]
) -> Success:
    result = await services.dispatcher.dispatch(Request(VERSION + method, list(arguments)), caller)
    if isinstance(result, Failure):
        raise Complaint(": ".join([result.text, *map(str, result.faults)]))
    return result


def _json_argument(text: str) -> str:
    """The JSON text itself: it is sent as it was written."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        hint = orjson.dumps(text).decode()
        raise Complaint(f"{text} is not JSON; text is written '{hint}'") from None
    return text


def _print_table(rows: Sequence[Any], columns: Sequence[str]) -> None:
    lines = [[column.replace("_", " ") for column in columns]]
    lines += [[_cell(row[column]) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        click.echo("  ".join(map(str.ljust, line, widths)).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return " ".join(value) or "-"
    return str(value) if isinstance(value, str) else f"{value:%Y-%m-%d %H:%M:%SZ}"
