"""Rows → a table to read in a terminal."""

from collections.abc import Sequence
from typing import Any

import click


def print_table(rows: Sequence[Any], columns: Sequence[str]) -> None:
    """Print these columns of the rows, headed by their names."""
    lines = [[column.replace("_", " ") for column in columns]]
    lines += [[cell(row[column]) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        click.echo("  ".join(map(str.ljust, line, widths)).rstrip())


def cell(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return " ".join(value) or "-"
    return str(value) if isinstance(value, str) else f"{value:%Y-%m-%d %H:%M:%SZ}"
