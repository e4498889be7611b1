"""The registry → a reference in Markdown, for people."""

from collections.abc import Iterator

from app.docs.headings import link
from app.docs.markdown.blocks import bullets
from app.docs.markdown.console import CONSOLE, console_section
from app.docs.markdown.events import EVENTS, events_section
from app.docs.markdown.method import method_section, schema_blocks
from app.docs.markdown.opening import opening
from app.docs.markdown.schemas import Shown
from app.docs.markdown.standards import STANDARDS, standards_section
from app.docs.modules import modules, only
from app.registry import VERSION, Method, Registry


def markdown(registry: Registry, version: str, url: str, module: str | None = None) -> str:
    """The reference of every method, or of those of one module.

    Args:
        registry: the methods, and what they share.
        version: that of the service.
        url: where the service is.
        module: "api-tokens", say; it must be there.
    """
    told = only(registry, module)
    return "\n\n".join(_blocks(told, version, url, is_whole=module is None)) + "\n"


def _blocks(registry: Registry, version: str, url: str, *, is_whole: bool) -> Iterator[str]:
    shown = Shown(registry.components)
    found = modules(registry)
    chapters = [
        *found,
        *([EVENTS] if registry.events else []),
        *([STANDARDS, CONSOLE] if is_whole else []),
    ]
    yield "# API reference"
    yield f"api-tokens {version} at `{url}`: {', '.join(map(link, chapters))}."
    yield from opening(url, registry.permissions)
    for name, methods in found.items():
        yield f"## {name}"
        yield bullets(map(_entry, methods))
        for method in methods:
            yield from method_section(method, shown, url)
    yield from events_section(registry.events, shown, url)
    if is_whole:
        yield from standards_section(registry, url)
        yield from console_section(url)
    yield from _schemas(registry, shown)


def _entry(method: Method) -> str:
    """A method in its module's list."""
    summary = method.schema["summary"]
    return link(summary, f"`{method.name.removeprefix(VERSION)}`") + f": {summary}"


def _schemas(registry: Registry, shown: Shown) -> Iterator[str]:
    """What is too long to be shown wherever it is used."""
    names = shown.reached(
        [
            descriptor["schema"]
            for method in registry.methods.values()
            for descriptor in [*method.schema["params"], method.schema["result"]]
        ]
        + [param["schema"] for event in registry.events.values() for param in event["params"]]
    )
    if names:
        yield "## Schemas"
        yield "What several methods share, or what is too long to stand in its place."
    for name in names:
        yield f"### {name}"
        yield from schema_blocks(shown.component(name), shown)
