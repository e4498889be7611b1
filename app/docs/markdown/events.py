"""Live events → their section."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.docs.markdown.blocks import fenced
from app.docs.markdown.method import schema_blocks
from app.docs.markdown.schemas import Shown

EVENTS: Final = "Live events"
_OPENING: Final = """\
A client that stays connected, by a WebSocket at `{url}/api`, is told of what happens. With api.js
that is `new Api("{url}/api/", {{ token, persistent: true }})`. What happens while it is not
connected it is not told: after `connect`, read again."""


def events_section(events: Mapping[str, Any], shown: Shown, url: str) -> Iterator[str]:
    """The blocks of the section; nothing where there are no events."""
    if events:
        yield f"## {EVENTS}"
        yield _OPENING.format(url=url)
    for name, event in events.items():
        yield from _event(name, event, shown)


def _event(name: str, event: Mapping[str, Any], shown: Shown) -> Iterator[str]:
    arguments = [param["name"] for param in event["params"]]
    published = ", ".join([f'"{name}"', *["…"] * len(arguments)])
    yield f"### {event['summary']}"
    yield f"`{name}`"
    yield event["description"]
    yield fenced("js", f'api.on("{name}", ({", ".join(arguments)}) => {{\n  // …\n}});')
    if event["x-subscribe"]:
        yield "Without api.js, send this first (`/unsubscribe` ends it); there is no answer to it:"
        yield fenced("json", _notification("/subscribe", f'["{name}"]'))
    yield "What arrives:"
    yield fenced("json", _notification("/publish", published))
    for param in event["params"]:
        yield f"`{param['name']}` {param.get('summary', '')}".rstrip()
        yield from schema_blocks(param["schema"], shown)


def _notification(method: str, params: str) -> str:
    return f'{{"jsonrpc": "2.0", "method": "{method}", "params": [{params}]}}'
