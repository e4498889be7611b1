"""The names that links call headings by, made as GitHub makes them: they work there and here."""

import re
from collections import Counter
from typing import Final

_DROPPED: Final = re.compile(r"[^\w\- ]")


def slug(heading: str) -> str:
    """The name of the first heading with this text: "List users" → "list-users"."""
    return _DROPPED.sub("", heading.lower()).replace(" ", "-")


class Slugs:
    """Gives each heading of a text a name of its own, in their order."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def next(self, heading: str) -> str:
        """The name of the next heading: a number follows where others had the same before."""
        name = slug(heading)
        self._seen[name] += 1
        repeated = self._seen[name] - 1
        return f"{name}-{repeated}" if repeated else name


def link(heading: str, text: str | None = None) -> str:
    """A Markdown link to the first heading with this text."""
    return f"[{text or heading}](#{slug(heading)})"
