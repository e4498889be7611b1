"""The command line. Commands on data speak to the same methods as every wire."""

import logging
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import click
import orjson
import uvloop

from app.call import Caller, Failure, Request, Success
from app.config import Settings
from app.errors import CannotStart
from app.flags import flag, with_settings
from app.server import serve as run_server
from app.services import ROOT_USER, Services, open_services


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
@flag("--user", default=ROOT_USER, show_default=True, help="Whose token it is.")
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
@flag("--user", help="Only this user's.")
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
@click.argument("method")
@click.argument("arguments", metavar="[JSON-ARG]...", nargs=-1)
@flag("--url", default="http://127.0.0.1:8080", show_default=True, help="The running service.")
@flag("--token", help="The API token to call with.")
def call(method: str, arguments: tuple[str, ...], url: str, token: str | None) -> None:
    """Call a method of a running service and print what it answers.

    Each argument is JSON, so text is quoted twice:

        api-tokens call api-tokens/create '"ci"' '{"role": "read-only"}'
    """
    answer = _post(url, method, [_json_argument(text) for text in arguments], token)
    if "error" in answer:
        error = answer["error"]
        texts = error["data"]["meta"].get("errors", [])
        raise _Complaint(": ".join([error["message"], *texts]))
    click.echo(orjson.dumps(answer["result"].get("data"), option=orjson.OPT_INDENT_2))


def main() -> None:
    """The program `api-tokens`."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    commands(prog_name="api-tokens")


class _Complaint(click.ClickException):
    """One line on stderr and exit status 1."""

    def show(self, file: Any = None) -> None:
        click.echo(f"api-tokens: {self.message}", err=True, file=file)


T = TypeVar("T")


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return uvloop.run(work)
    except CannotStart as error:
        raise _Complaint(str(error)) from None


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
    result = await services.dispatcher.dispatch(Request(f"/v1/{method}", list(arguments)), caller)
    if isinstance(result, Failure):
        raise CannotStart(": ".join([result.text, *map(str, result.faults)]))
    return result


def _post(url: str, method: str, arguments: list[Any], token: str | None) -> Any:
    path = method.removeprefix("/")
    path = path if path.startswith("v1/") else f"v1/{path}"
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    where = f"{url.rstrip('/')}/{path}"
    try:
        request = HttpRequest(where, orjson.dumps(arguments), headers)  # noqa: S310 - the operator's
        with urlopen(request, timeout=30) as response:  # noqa: S310 - as above
            body = response.read()
    except HTTPError as error:
        body = error.read()
    except (OSError, ValueError) as error:
        raise _Complaint(f"no answer from {url}: {getattr(error, 'reason', error)}") from None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _Complaint(f"what answers at {url} is not api-tokens") from None


def _json_argument(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        hint = orjson.dumps(text).decode()
        raise _Complaint(f"{text} is not JSON; text is written '{hint}'") from None


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
