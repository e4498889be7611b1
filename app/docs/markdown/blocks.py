"""Pieces of Markdown."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

_MARKS: Final = re.compile(r"[\\`*_{}\[\]<>()#+!~&:-]")


def plain(text: str) -> str:
    """An operator's text, which is shown on one line and never obeyed."""
    return _MARKS.sub(r"\\\g<0>", " ".join(text.split()))


def fenced(language: str, text: str) -> str:
    """A block of code; the fence is longer than any that stands in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar in a cell is no border."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def bullets(items: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {item}" for item in items)
