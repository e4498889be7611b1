"""`api-tokens import`, as a person uses it: a program, its output, its exit status, its report."""

import asyncio
import hashlib
import os
import pty
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from tests.support import ROOT, output, program, until

SECRET = "acme-live-4f9TnQ2xLw8ZrK"
DIGEST = hashlib.sha256(SECRET.encode()).hexdigest()


def write(path: Path, rows: Iterable[Any]) -> str:
    """A file of JSON Lines, and its path as a person gives it."""
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return str(path)


def tokens(count: int) -> list[dict[str, str]]:
    """Rows to import."""
    return [
        {"digest": hashlib.sha256(f"{n}".encode()).hexdigest(), "scheme": "sha256", "name": f"{n}"}
        for n in range(count)
    ]


def told(path: Path) -> dict[int, list[str]]:
    """What a report says of which line."""
    found = map(orjson.loads, path.read_bytes().splitlines())
    return {line["line"]: line["errors"] for line in found}


async def stored(sql: "asyncpg.Connection") -> int:
    """How many imported tokens there are."""
    return int(await sql.fetchval("select count(import_fingerprint) from api_tokens"))


async def piped(environment: Mapping[str, str], content: bytes, *arguments: str) -> tuple[str, str]:
    """Stdout and stderr of an import from standard input."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "import", "-", *arguments),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate(content)
    return out.decode(), errors.decode()


async def test_imports_a_file(run: Any, tmp_path: Path) -> None:
    """It says how many; once more, all are present; there is no report when nothing is refused."""
    file = write(tmp_path / "keys.jsonl", tokens(1001))
    assert await run("import", file) == "imported 1001, present 0, refused 0\n"
    assert await run("import", file) == "imported 0, present 1001, refused 0\n"
    assert not (tmp_path / "keys.jsonl.refused.jsonl").exists()


async def test_imports_csv(run: Any, sql: "asyncpg.Connection", tmp_path: Path) -> None:
    """What a spreadsheet saves is taken as well."""
    await run("user", "create", "ann")
    file = tmp_path / "keys.CSV"
    file.write_text(
        "\ufeffname,owner,digest,scheme,permissions,enabled,created,expires,metadata\r\n"
        f'"a, b",ann,{DIGEST},sha256,read write,0,2024-02-29T08:30:00Z,,"{{""n"": 1}}"\r\n'
    )
    assert await run("import", str(file)) == "imported 1, present 0, refused 0\n"
    row = await sql.fetchrow("select * from api_tokens where name = 'a, b'")
    assert row
    assert (row["enabled"], row["metadata"], row["expires"]) == (False, '{"n": 1}', None)
    assert row["permissions"] == '{"read": true, "write": true}'


async def test_tells_what_is_refused(
    environment: dict[str, str], sql: "asyncpg.Connection", tmp_path: Path
) -> None:
    """The report has each line that is refused, and why, in order; the rest is imported."""
    rows = [{**row, "owner": "root"} for row in tokens(1500)]
    rows[7]["owner"], rows[1200]["name"] = "nobody", ""
    file = write(tmp_path / "keys.jsonl", [*rows[:3], 1, *rows[3:]])
    code, out, errors = await output("import", file, environment=environment)
    report = tmp_path / "keys.jsonl.refused.jsonl"
    assert (code, out) == (1, "imported 1498, present 0, refused 3\n")
    assert errors == f"api-tokens: what is refused, and why: {report}\n"
    assert told(report) == {
        4: ["The line is not a JSON object"],
        9: ['There is no user "nobody"'],
        1202: ['Value at "/name" must have at least 1 characters'],
    }
    assert await stored(sql) == 1498


async def test_tells_no_secret(environment: dict[str, str], tmp_path: Path) -> None:
    """Neither the report nor the terminal repeats a value or a digest, wherever it stands."""
    by_digest = {"digest": DIGEST, "scheme": "sha256"}
    rows = [
        {"token": SECRET, "name": "x", "owner": "nobody"},
        {"token": SECRET, "name": "x", "role": "king"},
        {"token": SECRET[:19], "name": "x"},
        {"token": SECRET, "name": "x", "digest": DIGEST},
        {**by_digest, "name": "x", "hint": SECRET},
        {"digest": SECRET, "scheme": "sha256", "name": "x"},
        {"digest": DIGEST, "scheme": SECRET, "name": "x"},
        {"token": "read-only", "name": "x", "role": SECRET},
        {"token": "alice", "name": "x", "owner": SECRET},
        {SECRET: {"name": "x"}},
        {"x": SECRET},
        SECRET,
        [DIGEST],
    ]
    file = write(tmp_path / "keys.jsonl", rows)
    code, out, errors = await output("import", file, environment=environment)
    report = tmp_path / "keys.jsonl.refused.jsonl"
    assert (code, out) == (1, f"imported 0, present 0, refused {len(rows)}\n")
    assert told(report).keys() == set(range(1, len(rows) + 1))
    for text in (report.read_text(), errors):
        assert SECRET[:19] not in text
        assert DIGEST not in text


async def test_a_report_is_new_each_time(environment: dict[str, str], tmp_path: Path) -> None:
    """It goes where --report says, and nothing of an earlier one is left in it."""
    report = tmp_path / "elsewhere.jsonl"
    for line in (1, 2):
        file = write(tmp_path / "keys.jsonl", [*tokens(line - 1), {}])
        await output("import", file, "--report", str(report), environment=environment)
        assert told(report).keys() == {line}
    assert not (tmp_path / "keys.jsonl.refused.jsonl").exists()


async def test_a_dry_run_changes_nothing(
    environment: dict[str, str], sql: "asyncpg.Connection", tmp_path: Path
) -> None:
    """It counts and reports as the import would."""
    file = write(tmp_path / "keys.jsonl", [*tokens(2), {}])
    for flag in ("--dry-run", "--dry-run", "--format=jsonl"):
        code, out, _ = await output("import", file, flag, environment=environment)
        assert (code, out) == (1, "dry run: " * (flag == "--dry-run") + counts(2, 0, 1))
        assert await stored(sql) == (0 if flag == "--dry-run" else 2)
    assert told(tmp_path / "keys.jsonl.refused.jsonl").keys() == {3}


def counts(imported: int, present: int, refused: int) -> str:
    """The last line."""
    return f"imported {imported}, present {present}, refused {refused}\n"


async def test_reads_standard_input(environment: dict[str, str], tmp_path: Path) -> None:
    """What another program writes need not be kept."""
    content = orjson.dumps(tokens(1)[0])
    assert await piped(environment, content, "--format", "jsonl") == (counts(1, 0, 0), "")
    report = tmp_path / "report"
    out, _ = await piped(environment, b"{}", "--format", "jsonl", "--report", str(report))
    assert (out, [*told(report)]) == (counts(0, 0, 1), [1])
    out, errors = await piped(environment, content)
    assert (out, errors) == ("", "api-tokens: --format jsonl or --format csv is needed\n")


async def test_shows_its_progress_on_a_terminal(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """A person sees how far it is; a file that stderr goes to does not."""
    file = write(tmp_path / "keys.jsonl", tokens(3))
    ours, theirs = pty.openpty()
    process = await program("import", file, errors=theirs, environment=environment)
    os.close(theirs)
    out, _ = await process.communicate()
    assert out.decode() == counts(3, 0, 0)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "importing" in shown
    assert "100%" in shown


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("keys", b"{}", "--format jsonl or --format csv is needed"),
        ("keys.csv", b"nmae,token\n", 'the header line has unknown columns: "nmae"'),
        ("keys.csv", b"", "the header line lacks columns: name, token"),
    ],
)
async def test_says_what_is_wrong_with_a_file(
    refused: Any, tmp_path: Path, name: str, content: bytes, line: str
) -> None:
    """Nothing is imported from a file that cannot be understood."""
    (tmp_path / name).write_bytes(content)
    assert await refused("import", str(tmp_path / name)) == line


async def test_says_that_there_is_no_file(environment: dict[str, str], tmp_path: Path) -> None:
    """A path that leads nowhere, or to a folder, is a usage error."""
    for path in (tmp_path / "none.jsonl", tmp_path):
        code, out, errors = await output("import", str(path), environment=environment)
        assert (code, out) == (2, "")
        assert str(path) in errors


async def test_does_not_write_over_the_file(refused: Any, tmp_path: Path) -> None:
    """A report cannot be where the tokens are."""
    file = write(tmp_path / "keys.jsonl", [{}])
    assert await refused("import", file, "--report", file) == (
        "--report must not be the file to import"
    )
    assert (tmp_path / "keys.jsonl").read_bytes() == b"{}\n"


async def test_says_that_a_report_cannot_be_written(refused: Any, tmp_path: Path) -> None:
    """It ends there: what is refused would be lost."""
    file = write(tmp_path / "keys.jsonl", [{}])
    line = await refused("import", file, "--report", str(tmp_path / "none" / "report"))
    assert "No such file or directory" in line
    assert line.endswith("; all is done up to line 0")


async def test_a_failure_half_way_says_how_far_it_came(
    environment: dict[str, str], sql: "asyncpg.Connection", tmp_path: Path
) -> None:
    """All up to a line is imported, and nothing after it; the next run does the rest."""
    file = write(tmp_path / "keys.jsonl", tokens(2500))
    await sql.execute(
        "create function leave() returns trigger language plpgsql as"
        " $$ begin raise 'leaving' using errcode = 'admin_shutdown'; end $$"
    )
    await sql.execute(
        "create trigger leave before insert on api_tokens for each row"
        " when (new.name = '1500') execute function leave()"
    )
    code, out, errors = await output("import", file, environment=environment)
    assert (code, out) == (1, "")
    assert errors.splitlines()[-1] == ("api-tokens: Backend is down; all is done up to line 1000")
    assert await stored(sql) == 1000
    await sql.execute("drop trigger leave on api_tokens")
    code, out, _ = await output("import", file, environment=environment)
    assert (code, out) == (0, counts(1500, 1000, 0))


async def test_killed_half_way_it_is_run_again(
    environment: dict[str, str], run: Any, sql: "asyncpg.Connection", tmp_path: Path
) -> None:
    """Whatever the moment, a second run finishes the job and imports nothing twice."""
    size = 8000
    file = write(tmp_path / "keys.jsonl", tokens(size))
    process = await program("import", file, environment=environment)

    async def begun() -> bool:
        return await stored(sql) > 0

    await until(begun)
    process.kill()
    await process.communicate()
    assert await stored(sql) < size
    out = await run("import", file)
    assert out.endswith(", refused 0\n")
    assert await stored(sql) == size
    assert await sql.fetchval("select count(distinct name) from api_tokens") == size
