import io
from typing import Any

import orjson
import pytest

from app.errors import CannotStart
from app.import_file import (
    COLUMNS,
    LONGEST_LINE,
    MOST_BYTES,
    MOST_ROWS,
    MOST_VALUES,
    Chunk,
    chunks,
)
from app.permissions import PermissionRegistry
from app.registry import load

REGISTRY = load(PermissionRegistry())
TOKENS = REGISTRY.methods["/v1/api-tokens/import"].parameters


def read(content: bytes, form: str = "jsonl") -> list[Chunk]:
    """The chunks of a file that holds this."""
    return list(chunks(io.BytesIO(content), form))


def one(content: bytes, form: str = "jsonl") -> Chunk:
    """The one chunk of a small file."""
    [chunk] = read(content, form)
    return chunk


def lines(*rows: Any) -> bytes:
    """A file of these rows."""
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


# Any file


def test_reads_a_row_from_each_line() -> None:
    """A row is known by the line it stands on."""
    chunk = one(b'{"a": 1}\n{"b": [2]}\n')
    assert (chunk.rows, chunk.numbers, chunk.refused) == ([{"a": 1}, {"b": [2]}], [1, 2], {})


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": 1}\n{"a": 2}',
        b'{"a": 1}\r\n{"a": 2}\r\n',
        b'\xef\xbb\xbf{"a": 1}\n{"a": 2}\n',
    ],
    ids=["no end", "CRLF", "BOM"],
)
def test_ends_and_beginnings_may_differ(content: bytes) -> None:
    """What systems write around lines is no part of them."""
    assert one(content).rows == [{"a": 1}, {"a": 2}]


def test_empty_lines_count_as_lines_alone() -> None:
    """They are no rows, and are not refused; the lines after them keep their numbers."""
    chunk = one(b'\n \t\n{"a": 1}\n\r\nx\n')
    assert (chunk.rows, chunk.numbers, chunk.last) == ([{"a": 1}], [3], 5)
    assert chunk.refused.keys() == {5}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"nonsense", "The line is not JSON, from character 1 on"),
        (b'{"a": 1', "The line is not JSON, from character 8 on"),
        (b'{"a": 1} {"b": 2}', "The line is not JSON, from character 10 on"),
        (b"[1]", "The line is not a JSON object"),
        (b"null", "The line is not a JSON object"),
        (b'"secret"', "The line is not a JSON object"),
        (b'{"a": "\xff"}', "The line is not UTF-8"),
        (b'{"a": "caf\xe9"}', "The line is not UTF-8"),
        (b'\xff\xfe{\x00"\x00', "The line is not UTF-8"),
        (b'{"a": NaN}', "The line is not JSON, from character 7 on"),
        (b'{"a": "\\u0000"}', 'Value at "/a" must be text without NUL and'),
        (b'{"a": "\\ud800"}', "The line is not JSON"),
        (b'{"a": 1e400}', "The line is not JSON"),
        (b'{"a": 99999999999999999999999}', 'Value at "/a" must be a number within 64 bits'),
        (b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", "must not be nested more than 32 levels deep"),
        (b'{"a": ' + b"[" * 2000 + b"]" * 2000 + b"}", "The line is not JSON"),
        (lines({"a": [0] * MOST_VALUES}).strip(), "must not be among more than 20000 values"),
    ],
)
def test_a_bad_line_is_refused_by_itself(line: bytes, text: str) -> None:
    """The lines around it are read; what stands on it is not repeated."""
    chunk = one(b'{"a": 1}\n' + line + b'\n{"a": 2}\n')
    assert chunk.rows == [{"a": 1}, {"a": 2}]
    [error] = chunk.refused[2]
    assert text in error
    assert "secret" not in error


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("extra", [1, 2, 3, 9 * LONGEST_LINE])
def test_a_long_line_is_refused(end: bytes, extra: int) -> None:
    """One byte too much is too much; the next line begins after the next end of a line."""
    long = b'{"a": "' + b"x" * (LONGEST_LINE + extra - 9) + b'"}'
    assert len(long) == LONGEST_LINE + extra
    content = long + end + (b'{"a": 1}' if end else b"")
    chunk = one(content)
    assert chunk.refused == {1: [f"The line has more than {LONGEST_LINE} bytes"]}
    assert chunk.numbers == ([2] if end else [])


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_line_may_be_as_long_as_that(end: bytes) -> None:
    """A megabyte is taken."""
    long = b'{"a": "' + b"x" * (LONGEST_LINE - 9) + b'"}'
    rows = [row for chunk in read(long + end) for row in chunk.rows]
    assert [len(row["a"]) for row in rows] == [LONGEST_LINE - 9]


def test_a_long_line_is_not_held() -> None:
    """However long a line, it is read in pieces and thrown away."""
    asked = []

    class File(io.RawIOBase):
        def readline(self, size: int | None = -1, /) -> bytes:
            asked.append(size)
            return b"x" * (size or 0) if len(asked) < 100 else b""

    [chunk] = chunks(File(), "jsonl")  # type: ignore[arg-type]
    assert chunk.refused.keys() == {1}
    assert max(size or 0 for size in asked) <= LONGEST_LINE + 2


def test_nothing_is_one_empty_chunk() -> None:
    """An empty file has no rows, and nothing wrong with it."""
    chunk = one(b"")
    assert (chunk.rows, chunk.refused, chunk.last) == ([], {}, 0)


# Chunks


def bound(chunk: Chunk) -> None:
    """The method takes the rows of a chunk; what is wrong with a row is not looked at here."""
    if chunk.rows:
        TOKENS.bind([chunk.rows])


@pytest.mark.parametrize(
    ("row", "count", "most"),
    [
        ({}, 2 * MOST_ROWS + 1, MOST_ROWS),
        ({"permissions": {f"p{n}": True for n in range(60)}}, 700, MOST_VALUES // 62),
        ({"x": [0] * (MOST_VALUES - 2)}, 3, 1),
        ({"metadata": "x" * 100_000}, 25, MOST_BYTES // 100_000),
    ],
)
def test_a_chunk_is_what_a_call_takes(row: Any, count: int, most: int) -> None:
    """As many rows, values and bytes as are allowed and no more; every line is in one chunk."""
    found = read(lines(*[row] * count))
    for chunk in found:
        bound(chunk)
    assert max(len(chunk.rows) for chunk in found) == most
    assert [n for chunk in found for n in chunk.numbers] == list(range(1, count + 1))
    assert found[-1].last == count


def test_refused_lines_do_not_pile_up() -> None:
    """A file of nothing but nonsense is read in chunks as well."""
    found = read(b"nonsense\n" * (2 * MOST_ROWS + 1))
    assert [len(chunk.refused) for chunk in found] == [MOST_ROWS, MOST_ROWS, 1]


# CSV


def csv_row(header: str, line: str) -> Any:
    """The row on the one line of a CSV file."""
    [row] = one(f"{header}\n{line}\n".encode(), "csv").rows
    return row


def test_columns_may_stand_in_any_order() -> None:
    """The header line says what a cell is; an empty one says nothing."""
    row = csv_row("name,owner,token,expires", '"a, ""b""",,secret,')
    assert row == {"name": 'a, "b"', "token": "secret"}


def test_knows_every_member_of_a_row() -> None:
    """A CSV file can say whatever a JSON one can."""
    assert {*COLUMNS} == REGISTRY.components["ImportedToken"]["properties"].keys()


@pytest.mark.parametrize(
    ("cell", "value"),
    [(cell, True) for cell in ("true", "TRUE", "t", "1", "yes")]
    + [(cell, False) for cell in ("false", "False", "f", "0", "no")],
)
def test_reads_booleans_as_systems_write_them(cell: str, value: bool) -> None:
    """A spreadsheet, MySQL and PostgreSQL each have their own."""
    assert csv_row("token,name,enabled", f"a,b,{cell}")["enabled"] is value


@pytest.mark.parametrize("cell", ["read write", '"read,write"', '" read,  write,"'])
def test_reads_names_of_permissions(cell: str) -> None:
    """Each one named is granted."""
    row = csv_row("token,name,permissions", f"a,b,{cell}")
    assert row["permissions"] == {"read": True, "write": True}


def test_reads_metadata_as_json() -> None:
    """What stands in the cell is JSON text."""
    row = csv_row("token,name,metadata", 'a,b,"{""team"": [""web""]}"')
    assert row["metadata"] == {"team": ["web"]}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"a", "The line has 1 cells, and the header line 4"),
        (b"a,b,c,d,e", "The line has 5 cells, and the header line 4"),
        (b'"a,b,,', "The line is not a CSV record: unexpected end of data"),
        (b'"a"x,b,,', "The line is not a CSV record"),
        (b"a,b\rc,,", "The line is not a CSV record"),
        (b"a,caf\xe9,,", "The line is not UTF-8"),
        (b"a,b,maybe,", 'Value at "/enabled" must be true or false'),
        (b"a,b,,{secret", 'Value at "/metadata" is not JSON, from character 2 on'),
        (b"a,b\0,,", 'Value at "/name" must be text without NUL'),
        (b"a," + b"b" * 200_000 + b",,", "field larger than field limit"),
    ],
)
def test_a_bad_record_is_refused_by_itself(line: bytes, text: str) -> None:
    """A record must be whole on its line; the ones around it are read."""
    content = b"token,name,enabled,metadata\na,b,,\n" + line + b"\nc,d,,\n"
    chunk = one(content, "csv")
    assert chunk.numbers == [2, 4]
    [error] = chunk.refused[3]
    assert text in error
    assert "secret" not in error


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (b"owner", "lacks columns: name, token"),
        (b"token", "lacks columns: name"),
        (b"name", "lacks columns: token"),
        (b"name,digest", "lacks columns: scheme"),
        (b"name,token,created_at", 'has unknown columns: "created_at"'),
        (b"Name,token,Owner", 'has unknown columns: "Name", "Owner"'),
        (b"name,token,", 'has unknown columns: ""'),
        (b"name;token", 'has unknown columns: "name;token"'),
        (b"name,token,name,token", "has columns twice: name, token"),
        (b"name,acme-live-4f9TnQ2xLw8ZrK", "has unknown columns: one too long for a name"),
        (b"name,tok\xe9n", "is not CSV in UTF-8"),
        (b"\xff\xfen\x00a\x00m\x00e\x00", "is not CSV in UTF-8"),
        (b'"name,token', "is not CSV in UTF-8"),
        (b"name," + b"x" * LONGEST_LINE, "has unknown columns"),
    ],
)
def test_a_header_of_no_use_is_told(header: bytes, text: str) -> None:
    """Before anything is imported, and without what may be a secret where there is no header."""
    with pytest.raises(CannotStart, match=r"^the header line") as caught:
        read(header + b"\na,b\n", "csv")
    assert text in str(caught.value)
    assert "4f9TnQ2xLw8ZrK" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n \r\n"])
def test_a_csv_file_without_a_line_is_told(content: bytes) -> None:
    """Nothing is not a file of no rows, where a header line must be."""
    with pytest.raises(CannotStart, match=r"^the header line lacks columns: name, token$"):
        read(content, "csv")


def test_the_header_need_not_be_the_first_line() -> None:
    """Empty lines before it are skipped, and a byte order mark as well."""
    chunk = one(b"\xef\xbb\xbf\r\nname,token\r\na,b\r\n", "csv")
    assert (chunk.rows, chunk.numbers) == ([{"name": "a", "token": "b"}], [3])
