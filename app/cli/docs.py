"""`api-tokens docs`."""

import re
from collections.abc import Callable, Collection
from importlib.metadata import version
from typing import Any, Final

import click
import orjson

from app import docs as documents
from app import permissions, registry
from app.cli.shell import Complaint, Text
from app.config import Settings
from app.docs.modules import modules, only
from app.errors import CannotStart
from app.flags import flag, with_settings
from app.registry import LIMITS, Registry

_URL: Final = re.compile(r"https?://[^\s\"'`\\<>|]+")


class _Misused(Complaint):
    """Something is asked for that cannot be had: exit status 2."""

    exit_code = 2


def _json(document: dict[str, Any]) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"


def _at(url: str, part: Any) -> Any:
    """A part of an OpenAPI document with whole URLs: it is printed elsewhere."""
    if isinstance(part, list):
        return [_at(url, member) for member in part]
    if not isinstance(part, dict):
        return part
    found = {name: _at(url, member) for name, member in part.items()}
    if isinstance(part.get("servers"), list):
        found["servers"] = [{**s, "url": url + s["url"].rstrip("/")} for s in part["servers"]]
    return found


# Of the methods of one module or of all, for readers of a release, at a URL.
FORMATS: Final[dict[str, Callable[[Registry, str, str, str | None], str]]] = {
    "markdown": documents.markdown,
    "openrpc": lambda methods, release, url, module: _json(
        documents.openrpc(only(methods, module), release, url)
    ),
    "openapi": lambda methods, release, url, module: _json(
        _at(url, documents.openapi(only(methods, module), release))
    ),
    "typescript": lambda methods, _release, _url, module: documents.typescript(
        only(methods, module)
    ),
}


@click.command()
@flag(
    "--format",
    type=Text(),
    default="markdown",
    show_default=True,
    metavar="|".join(FORMATS),
    help="For people, or for which machines.",
)
@flag("--module", type=Text(), help="Only the methods of this module, such as api-tokens.")
@flag(
    "--url",
    type=Text(),
    default=documents.URL,
    show_default=True,
    help="The service that readers are to call.",
)
@with_settings()
def docs(settings: Settings, format: str, module: str | None, url: str) -> None:  # noqa: A002 - the flag's name
    """Print the reference of every method, made from the schemas. It needs no database."""
    _check("format", format, FORMATS)
    if not _URL.fullmatch(url):
        raise _Misused(f"not a URL such as {documents.URL}: {url}")
    methods = _registry(settings)
    if module is not None:
        _check("module", module, modules(methods))
    text = FORMATS[format](methods, version("api-tokens"), url.rstrip("/"), module)
    click.echo(text.encode(), nl=False)


def _check(kind: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise _Misused(f"there is no {kind} {name!r}, but {', '.join(known)}")


def _registry(settings: Settings) -> Registry:
    """The methods as a service with these settings has them."""
    try:
        known = permissions.load(settings.permissions)
        return registry.load(known, {name: getattr(settings, name) for name in LIMITS})
    except CannotStart as error:
        raise Complaint(str(error)) from None
