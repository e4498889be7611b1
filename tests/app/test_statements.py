from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app import statements
from app.database import Database
from app.errors import CannotStart
from app.statements import Statement, Statements, load, parse


@pytest.fixture
async def database(postgres: str) -> AsyncIterator[Database]:
    """A connection to select with; nothing is stored."""
    opened = Database(postgres, size=1)
    yield opened
    await opened.close()


def parsed(tmp_path: Path, text: str) -> Statement:
    """What a file with this text says."""
    path = tmp_path / "statement.sql"
    path.write_text(text)
    return parse(path)


@pytest.mark.parametrize(
    ("text", "statement", "parameters"),
    [
        ("-- Purpose.\nselect 1\n", "select 1", ()),
        ("-- Purpose.\nselect 1;\n", "select 1", ()),
        ("\n-- Purpose.\n\nselect 1\n\n", "select 1", ()),
        ("-- Purpose.\n-- $1 id\nselect $1\n", "select $1", ("id",)),
        ("-- P.\n-- $1 id, $2 caller_user\nselect $1, $2", "select $1, $2", ("id", "caller_user")),
        ("-- P.\n-- More of it.\nselect 1", "select 1", ()),
        ("-- P.\n-- $1 id\n-- Why.\nselect $1", "select $1", ("id",)),
        ("-- P.\nselect 1 -- $1 id", "select 1 -- $1 id", ()),
        ("-- P.\nselect\n    -- why\n    1", "select\n    -- why\n    1", ()),
    ],
)
def test_reads_a_statement(
    tmp_path: Path, text: str, statement: str, parameters: tuple[str, ...]
) -> None:
    """The heading comments go, the statement stays; the second line names the parameters."""
    found = parsed(tmp_path, text)
    assert (found.text.strip(), found.parameters) == (statement, parameters)


def test_reads_many_parameters_in_order(tmp_path: Path) -> None:
    """Ten and more are numbers, not digits."""
    names = [f"p_{letter}" for letter in "abcdefghijkl"]
    listed = ", ".join(f"${number} {name}" for number, name in enumerate(names, 1))
    assert parsed(tmp_path, f"-- P.\n-- {listed}\nselect 1").parameters == tuple(names)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "select 1\n",
        "--Purpose.\nselect 1\n",
        "/* Purpose. */\nselect 1\n",
        "-- P.\n-- $2 id\nselect $2\n",
        "-- P.\n-- $1 id, $3 name\nselect $1\n",
        "-- P.\n-- $2 id, $1 name\nselect $1\n",
        "-- P.\n-- $1 id, $1 name\nselect $1\n",
        "-- P.\n-- $0 id\nselect $1\n",
        "-- P.\n-- $1 tokenId\nselect $1\n",
        "-- P.\n-- $1 Id\nselect $1\n",
        "-- P.\n-- $1\nselect $1\n",
    ],
)
def test_refuses_a_file_of_another_shape(tmp_path: Path, text: str) -> None:
    """Without a purpose, or with parameters that are not `$1 name, $2 name …`: no start."""
    with pytest.raises(CannotStart) as caught:
        parsed(tmp_path, text)
    complaint = "must begin with its purpose and then its parameters"
    assert str(caught.value) == f"{tmp_path}/statement.sql: {complaint}"


def test_binds_by_name() -> None:
    """Values come in the order of the parameters; what the statement does not name stays out."""
    statement = Statement("select $1, $2", ("b", "a"))
    assert statement.bind({"a": 1, "b": 2, "c": 3}) == [2, 1]


def test_a_missing_value_is_a_slip_of_the_program() -> None:
    """A parameter without a value is never sent as null."""
    with pytest.raises(KeyError, match="b"):
        Statement("select $1", ("b",)).bind({"a": 1})


def test_names_a_statement_by_its_path(tmp_path: Path) -> None:
    """Folders are part of the name, migrations are none of ours."""
    for path in ("api_tokens/read.sql", "_service/ready.sql", "_schema/001_core.sql", "x/y.txt"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("-- P.\nselect 1\n")
    assert load(tmp_path).keys() == {"api_tokens/read", "_service/ready"}


def test_one_wrong_file_stops_the_start(tmp_path: Path) -> None:
    """A statement is read when the service starts, not when it is first needed."""
    (tmp_path / "bad.sql").write_text("select 1")
    with pytest.raises(CannotStart, match=r"bad\.sql: "):
        load(tmp_path)


def test_every_file_of_ours_is_read() -> None:
    """Each statement in the checkout, and no migration."""
    files = {path.stem for path in statements.ROOT.rglob("*.sql") if "_schema" not in path.parts}
    assert {name.rpartition("/")[2] for name in load()} == files
    assert "api_tokens/create" in load()


async def test_runs_a_statement_by_its_name(database: Database) -> None:
    """The first row comes as a plain mapping; values that it does not name stay out."""
    text = "select n, $1::text as word from generate_series(1, 3) n order by n"
    sql = Statements(database, {"lab/words": Statement(text, ("word",))})
    row = await sql.row("lab/words", {"word": "b", "more": 1})
    assert row == {"n": 1, "word": "b"}
    assert type(row) is dict


async def test_runs_a_statement_on_staged_records(empty_database: str) -> None:
    """What was copied into the table is there for the statement; values come by name."""
    database = Database(empty_database, size=1)
    await database.rows("create table staged (n integer, word text, more integer default 7)")
    text = "select sum(n) as n, max(word || $1) as word, max(more) as more from staged"
    sql = Statements(database, {"lab/sum": Statement(text, ("tail",))})
    records = [{"word": "a", "n": 1}, {"word": "b", "n": 2}]
    row = await sql.staged("lab/sum", "staged", records, {"tail": "!", "other": 1})
    assert row == {"n": 3, "word": "b!", "more": 7}
    await database.close()


async def test_leaves_nothing_staged_when_the_statement_fails(empty_database: str) -> None:
    """Records and statement are one: neither is done without the other."""
    database = Database(empty_database, size=1)
    await database.rows("create table staged (n integer primary key)")
    sql = Statements(database, {"lab/fail": Statement("select 1 / 0", ())})
    with pytest.raises(Exception, match="division by zero"):
        await sql.staged("lab/fail", "staged", [{"n": 1}], {})
    assert await database.rows("select n from staged") == []
    await database.close()


async def test_no_row_is_none(database: Database) -> None:
    """A statement that finds nothing says so."""
    sql = Statements(database, {"lab/nothing": Statement("select 1 as n where false", ())})
    assert await sql.row("lab/nothing", {}) is None
