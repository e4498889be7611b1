"""What every command shares: how it complains, what text it takes, how it runs."""

from collections.abc import Coroutine
from typing import Any, TypeVar

import click
import uvloop

from app.errors import CannotStart, Refusal

T = TypeVar("T")


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


def run(work: Coroutine[Any, Any, T]) -> T:
    """What the work answers; why it cannot be done is a complaint."""
    try:
        return uvloop.run(work)
    except (CannotStart, Refusal) as error:
        raise Complaint(str(error)) from None
