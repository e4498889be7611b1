"""Reads a file of tokens to import as a stream; what is wrong with a line is told of that line.

JSON Lines: a row of `api-tokens/import` on each line. CSV: a header line that names columns, then a
record on each line. However long the file, no more than a chunk of it is in memory.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Final, TypeAlias

import orjson

from app import validation
from app.errors import CannotStart
from app.token_format import SHORTEST

LONGEST_LINE: Final = 1024 * 1024
# A chunk holds no more; the first two are what one call takes, its list being a value too.
MOST_ROWS: Final = 1000
MOST_VALUES: Final = validation.MOST_VALUES - 1
MOST_BYTES: Final = 1024 * 1024
COLUMNS: Final = (
    *("token", "digest", "scheme", "hint", "owner", "name", "role", "permissions"),
    *("enabled", "created", "expires", "metadata"),
)
# PostgreSQL writes "t" and "f".
BOOLEANS: Final = dict.fromkeys(("true", "yes", "1", "t"), True) | dict.fromkeys(
    ("false", "no", "0", "f"), False
)
_BOM: Final = b"\xef\xbb\xbf"
_SEPARATORS: Final = re.compile(r"[\s,]+")

Row: TypeAlias = Mapping[str, Any]
Line: TypeAlias = tuple[int, bytes | None]  # its number, and what stands on it; None: too much
Parse: TypeAlias = Callable[[str], Row]


@dataclass(slots=True)
class Chunk:
    """As many lines as one call takes.

    `rows` are to be imported, and `numbers` are the lines they stand on; `refused` says what is
    wrong with other lines; `last` is the last line.
    """

    rows: list[Row] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    refused: dict[int, list[str]] = field(default_factory=dict)
    last: int = 0
    values: int = 0
    size: int = 0

    def has_room(self, values: int, size: int) -> bool:
        """Whether a line fits in that has so many values and bytes."""
        return (
            max(len(self.rows), len(self.refused)) < MOST_ROWS
            and self.values + values <= MOST_VALUES
            and self.size + size <= MOST_BYTES
        )

    def add(self, number: int, row: Row, values: int, size: int) -> None:
        """Take in the row on a line."""
        self.rows.append(row)
        self.numbers.append(number)
        self.values += values
        self.size += size


def chunks(file: IO[bytes], form: str) -> Iterator[Chunk]:
    """The lines of a file in chunks; `form` is "jsonl" or "csv".

    Raises:
        CannotStart: the header line of a CSV file is not as it should be.
    """
    lines = _lines(file)
    return _chunks(lines, _row_of_json if form == "jsonl" else _csv_parser(lines))


def _chunks(lines: Iterator[Line], parse: Parse) -> Iterator[Chunk]:
    chunk = Chunk()
    for number, text in lines:
        row, values, fault = _read(text, parse)
        size = len(text or b"")
        if not chunk.has_room(values, size):
            yield chunk
            chunk = Chunk()
        chunk.last = number
        if fault:
            chunk.refused[number] = [fault]
        elif row is not None:
            chunk.add(number, row, values, size)
    yield chunk


def _lines(file: IO[bytes]) -> Iterator[Line]:
    number = 0
    while line := file.readline(LONGEST_LINE + 2):  # its end may be two characters
        number += 1
        text = line.removesuffix(b"\n").removesuffix(b"\r")
        if number == 1:
            text = text.removeprefix(_BOM)
        while not line.endswith(b"\n") and (rest := file.readline(LONGEST_LINE)):
            line = rest
        yield number, text if len(text) <= LONGEST_LINE else None


def _read(text: bytes | None, parse: Parse) -> tuple[Row | None, int, str | None]:
    """The row on a line (None: it is empty), how many values it has, and what is wrong with it."""
    if text is None:
        return None, 0, f"The line has more than {LONGEST_LINE} bytes"
    if not text.strip():
        return None, 0, None
    try:
        row = parse(text.decode())
    except UnicodeDecodeError:
        return None, 0, "The line is not UTF-8"
    except ValueError as error:
        return None, 0, str(error)
    values, fault = validation.weigh(row, depth=1)
    return (None, 0, str(fault)) if fault else (row, values, None)


def _row_of_json(text: str) -> Row:
    row = _json(text, "The line")
    if isinstance(row, dict):
        return row
    raise ValueError("The line is not a JSON object")


def _json(text: str, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{what} is not JSON, from character {error.pos + 1} on") from None


def _csv_parser(lines: Iterator[Line]) -> Parse:
    """What makes rows of records as the header line says, which is the first that is not empty."""
    header = next((text for _, text in lines if text is None or text.strip()), b"")
    try:
        columns = _record("\0" if header is None else header.decode())
    except ValueError:
        raise CannotStart("the header line is not CSV in UTF-8") from None
    _check_columns(columns)
    return lambda text: _row_of_csv(columns, text)


def _check_columns(columns: list[str]) -> None:
    """Refuse columns from which no row can come.

    Raises:
        CannotStart: one is unknown, missing or there twice.
    """
    required = {"name", "digest", "scheme"} if "digest" in columns else {"name", "token"}
    complaints = {
        "has unknown columns": [_shown(name) for name in columns if name not in COLUMNS],
        "has columns twice": sorted({name for name in columns if columns.count(name) > 1}),
        "lacks columns": sorted(required.difference(columns)),
    }
    for complaint, names in complaints.items():
        if names:
            raise CannotStart(f"the header line {complaint}: {', '.join(names)}")


def _shown(name: str) -> str:
    """A strange name in the header line; without one, it may be a secret that stands there."""
    return f'"{name}"' if len(name) < SHORTEST else "one too long for a name"


def _record(text: str) -> list[str]:
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        raise ValueError(f"The line is not a CSV record: {error}") from None


def _row_of_csv(columns: list[str], text: str) -> Row:
    cells = _record(text)
    if len(cells) != len(columns):
        raise ValueError(f"The line has {len(cells)} cells, and the header line {len(columns)}")
    given = zip(columns, cells, strict=True)
    return {name: CELLS.get(name, str)(cell) for name, cell in given if cell}


def _boolean(cell: str) -> bool:
    if cell.lower() not in BOOLEANS:
        raise ValueError('Value at "/enabled" must be true or false')
    return BOOLEANS[cell.lower()]


def _permissions(cell: str) -> dict[str, bool]:
    return dict.fromkeys(filter(None, _SEPARATORS.split(cell)), True)


def _metadata(cell: str) -> Any:
    return _json(cell, 'Value at "/metadata"')


CELLS: Final[Mapping[str, Callable[[str], Any]]] = {
    "enabled": _boolean,
    "permissions": _permissions,
    "metadata": _metadata,
}
