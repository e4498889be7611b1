"""Values → text as people write it, JSON or JavaScript; what is short stands on one line."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

WIDTH: Final = 88
STEP: Final = 2
_BARE: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


def _quoted(value: Any) -> str:
    return orjson.dumps(value).decode()


@dataclass(frozen=True, slots=True)
class Notation:
    """How a language writes values.

    `key` writes the name of a member; `space` stands within the braces of a line; `comma` follows
    the last of several lines.
    """

    key: Callable[[str], str]
    space: str
    comma: str

    def written(self, value: Any, column: int = 0, indent: int = 0) -> str:
        """A value that begins at a column, on one line or with a line for each of its members."""
        flat = self._flat(value)
        is_single = not value or not isinstance(value, dict | list)
        if is_single or column + len(flat) < WIDTH:
            return flat
        start, end = "[]" if isinstance(value, list) else "{}"
        outer, inner = "\n" + " " * indent, "\n" + " " * (indent + STEP)
        members = f",{inner}".join(self._members(value, indent + STEP))
        return f"{start}{inner}{members}{self.comma}{outer}{end}"

    def _members(self, value: Any, indent: int) -> Iterator[str]:
        if isinstance(value, list):
            yield from (self.written(member, indent, indent) for member in value)
        else:
            for name, member in value.items():
                start = f"{self.key(name)}: "
                yield start + self.written(member, indent + len(start), indent)

    def _flat(self, value: Any) -> str:
        if isinstance(value, list):
            return f"[{', '.join(map(self._flat, value))}]"
        if isinstance(value, dict) and value:
            members = (f"{self.key(name)}: {self._flat(member)}" for name, member in value.items())
            return f"{{{self.space}{', '.join(members)}{self.space}}}"
        return _quoted(value)


JSON: Final = Notation(key=_quoted, space="", comma="")
JAVASCRIPT: Final = Notation(
    key=lambda name: name if _BARE.fullmatch(name) else _quoted(name), space=" ", comma=","
)
