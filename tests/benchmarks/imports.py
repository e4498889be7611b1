"""Rows per second of `api-tokens import`, as a share of a plain COPY, and the memory it takes.

    python -m tests.benchmarks.imports [--tokens 1000000] [--slices 10]

Slices of a file of digests: the program imports each into `api_tokens`, and COPY then puts the same
columns of the same tokens into a table with the same indexes that holds as much already. They take
turns since machines change speed while one measures: only the ratios mean anything. Then the whole
file goes into another database, for the time and the memory that takes.
"""

import asyncio
import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

import asyncpg
import click
import orjson
import uvloop

from app import embedded
from tests.support import ROOT, output

# A small parent, so that what is measured is the program and not the memory it was forked from.
MEASURED: Final = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
COLUMNS: Final = (
    *("user_id", "name", "role", "permissions", "enabled", "digest", "digest_scheme"),
    *("import_fingerprint", "hint", "created", "created_by", "expires", "metadata"),
)
USERS: Final = 1000


def rows(first: int, count: int) -> Iterator[dict[str, Any]]:
    """Tokens as another system might give them, so many from the first on."""
    for number in range(first, first + count):
        yield {
            "digest": hashlib.sha256(f"key-{number}".encode()).hexdigest(),
            "scheme": "sha256",
            "hint": f"...{number % 10_000:04}",
            "owner": f"user {number * 7919 % USERS}",
            "name": f"token {number}",
            "role": "read-only",
            "created": "2024-02-29T08:30:00Z",
            "expires": "2034-02-28T08:30:00Z" if number % 2 else None,
        }


def write(path: Path, first: int, count: int) -> Path:
    """A file of so many tokens."""
    with path.open("wb") as file:
        file.writelines(orjson.dumps(row) + b"\n" for row in rows(first, count))
    return path


async def run_import(url: str, folder: Path, file: Path) -> tuple[float, int]:
    """How many seconds the program takes for a file, and how many KiB."""
    command = [sys.executable, "-m", "app", "import", str(file)]
    reach = ["--database-url", url, "--data-dir", str(folder / "data")]
    started = time.perf_counter()
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", MEASURED, *command, *reach),
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    out, _ = await program.communicate()
    assert program.returncode == 0
    return time.perf_counter() - started, int(out)


async def run_copy(database: Any, first: int, count: int, file: Path) -> float:
    """How many seconds a plain COPY takes for the same tokens, as they are stored."""
    slice_ = f"select {', '.join(COLUMNS)} from api_tokens where name = any($1)"
    names = [row["name"] for row in rows(first, count)]
    await database.copy_from_query(slice_, names, output=file)
    started = time.perf_counter()
    await database.copy_to_table("copied", source=file, columns=COLUMNS)
    return time.perf_counter() - started


async def prepare(url: str, folder: Path) -> None:
    """The schema, users to own the tokens, and a table that is as `api_tokens` is."""
    await output("user", "list", "--database-url", url, "--data-dir", str(folder / "data"))
    database = await asyncpg.connect(url)
    await database.execute(
        f"insert into users (name) select 'user ' || n from generate_series(0, {USERS - 1}) n"
    )
    await database.execute("create table copied (like api_tokens including all)")
    await database.close()


async def compare(url: str, folder: Path, tokens: int, slices: int) -> int:
    """Import and COPY slices in turn; answers the memory that one slice took."""
    database, size, shares, memory = await asyncpg.connect(url), tokens // slices, [], 0
    print("slice | import, rows/s | COPY, rows/s | share")
    for number in range(slices):
        file = write(folder / "slice.jsonl", number * size, size)
        ours, memory = await run_import(url, folder, file)
        plain = await run_copy(database, number * size, size, folder / "slice.copy")
        shares.append(plain / ours)
        print(f"{number} | {size / ours:,.0f} | {size / plain:,.0f} | {shares[-1]:.2f}")
    print(f"median share of a plain COPY: {median(shares):.2f}")
    await database.close()
    return memory


async def measure(folder: Path, tokens: int, slices: int) -> None:
    """Slices beside COPY in one database, then all at once in another."""
    async with embedded.serve(folder / "sliced") as url:
        await prepare(url, folder / "sliced")
        slice_memory = await compare(url, folder / "sliced", tokens, slices)
    file = write(folder / "all.jsonl", 0, tokens)
    async with embedded.serve(folder / "whole") as url:
        await prepare(url, folder / "whole")
        seconds, memory = await run_import(url, folder / "whole", file)
        again, _ = await run_import(url, folder / "whole", file)
    print(f"{tokens:,} tokens at once: {seconds:.0f} s; once more, all present: {again:.0f} s")
    print(f"memory at its peak: {memory / 1024:.0f} MiB;", end=" ")
    print(f"for {tokens // slices:,} tokens: {slice_memory / 1024:.0f} MiB")


@click.command()
@click.option("--tokens", default=1_000_000)
@click.option("--slices", default=10)
def main(tokens: int, slices: int) -> None:
    """Measure, and print what was found."""
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(measure(Path(folder), tokens, slices))


if __name__ == "__main__":
    main()
