"""`api-tokens call`: any method of a running service."""

import click
import orjson

from app import client
from app.cli.shell import Complaint, Text
from app.flags import flag


@click.command()
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


def _json_argument(text: str) -> str:
    """The JSON text itself: it is sent as it was written."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        hint = orjson.dumps(text).decode()
        raise Complaint(f"{text} is not JSON; text is written '{hint}'") from None
    return text
