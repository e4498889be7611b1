"""Values → text as people write it: JSON, or JavaScript with bare names; short things on one line."""

import re
from collections.abc import Iterable
from typing import Any, Final

import orjson

WIDTH: Final = 88
STEP: Final = 2
_BARE: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


def json(value: Any) -> str:
    """A value as JSON."""
    return _written(value, 0, bare=False)


def javascript(value: Any, used: int = 0) -> str:
    """A value as JavaScript, where so much of the line is taken already."""
    return _written(value, 0, bare=True, used=used)


def _written(value: Any, indent: int, *, bare: bool, used: int = 0) -> str:
    """The value on one line if it has room there, else with a line for each member."""
    flat = _flat(value, bare=bare)
    if not value or not isinstance(value, dict | list) or indent + used + len(flat) <= WIDTH:
        return flat
    inner, pad = indent + STEP, "\n" + " " * (indent + STEP)
    if isinstance(value, list):
        members = (_written(member, inner, bare=bare) for member in value)
    else:
        members = (
            f"{(key := _key(name, bare=bare))}: "
            + _written(member, inner, bare=bare, used=len(key) + 3)
            for name, member in value.items()
        )
    start, end = "[]" if isinstance(value, list) else "{}"
    comma = "," if bare else ""
    return start + pad + f",{pad}".join(members) + f"{comma}\n{' ' * indent}{end}"


def _flat(value: Any, *, bare: bool) -> str:
    if isinstance(value, list):
        return f"[{_joined(_flat(member, bare=bare) for member in value)}]"
    if isinstance(value, dict) and value:
        members = (
            f"{_key(name, bare=bare)}: {_flat(member, bare=bare)}" for name, member in value.items()
        )
        return f"{{ {_joined(members)} }}" if bare else f"{{{_joined(members)}}}"
    return orjson.dumps(value).decode()


def _joined(members: Iterable[str]) -> str:
    return ", ".join(members)


def _key(name: str, *, bare: bool) -> str:
    return name if bare and _BARE.fullmatch(name) else orjson.dumps(name).decode()
