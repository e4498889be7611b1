"""Settings and what else a command takes, as flags with environment twins."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field
from pathlib import Path
from typing import Any, TypeVar, get_origin

import click

from app.config import Settings, environment_name, environment_value, setting_fields

F = TypeVar("F", bound=Callable[..., Any])


class Flag(click.Option):
    """A flag with an environment twin: --data-dir is API_TOKENS_DATA_DIR."""

    def __init__(self, declarations: Sequence[str], **attributes: Any) -> None:
        name = declarations[0].removeprefix("--")
        super().__init__(
            declarations, envvar=environment_name(name), show_envvar=True, **attributes
        )

    def resolve_envvar_value(self, _context: click.Context) -> str | None:
        """What the environment says, asked of the one module that reads it."""
        return environment_value(str(self.envvar))


def flag(name: str, **attributes: Any) -> Callable[[F], F]:
    """Declare a flag of a command."""
    return click.option(name, cls=Flag, **attributes)


def with_settings(*, server: bool = False) -> Callable[[F], F]:
    """Give a command the flags of every setting it has use for, and itself their `settings`."""

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def run(**values: Any) -> None:
            names = {field.name for field in setting_fields(server=server)}
            settings = Settings(**{name: values.pop(name) for name in names})
            command(settings=settings, **values)

        decorated: Any = run
        for field in reversed(setting_fields(server=server)):
            decorated = flag(
                "--" + field.name.replace("_", "-"),
                type=_flag_type(field),
                help=field.metadata["help"],
                default=_default(field),
                show_default=True,
                multiple=get_origin(field.type) is tuple,
            )(decorated)
        return decorated  # type: ignore[no-any-return]  # click's decorators keep no types

    return decorate


def _flag_type(setting: Field[Any]) -> Any:
    """The click type of a setting: that of its values, without None, within their bounds."""
    lowest, highest = setting.metadata["within"]
    types = {
        int: click.IntRange(lowest, highest),
        float: click.FloatRange(lowest, highest),
        Path: click.Path(path_type=Path),
        str: click.STRING,
    }
    annotations = (setting.type, *getattr(setting.type, "__args__", ()))
    return next(shown for kind, shown in types.items() if kind in annotations)


def _default(setting: Field[Any]) -> Any:
    made = setting.default_factory
    return setting.default if made is MISSING else made()
