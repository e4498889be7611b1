"""`api-tokens import`: a file of tokens of another system."""

import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import click
import orjson

from app.call import Caller
from app.cli.operator import dispatch, operator
from app.cli.shell import Complaint, run
from app.config import Settings
from app.flags import flag, with_settings
from app.import_file import Chunk, chunks
from app.services import ROOT_USER, Services

FORMS: Final = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@flag("--format", type=click.Choice(["jsonl", "csv"]), help="By FILE's extension unless given.")
@flag(
    "--dry-run",
    is_flag=True,
    help="Change nothing, and tell what would be: save of values that stand twice, far apart.",
)
@flag(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to tell what is refused and why; FILE.refused.jsonl unless given.",
)
@with_settings()
def import_tokens(
    settings: Settings,
    file: str,
    format: str | None,  # noqa: A002 - it is the flag's name
    dry_run: bool,
    report: Path | None,
) -> None:
    """Import tokens of another system from FILE, JSON Lines or CSV ("-": standard input).

    Nothing is imported twice: if it fails half-way, run it again.
    """
    form = format or FORMS.get(Path(file).suffix.lower())
    if form is None:
        raise Complaint("--format jsonl or --format csv is needed")
    name = "stdin" if file == "-" else file
    told = Report(report or Path(f"{name}.refused.jsonl"), Path(file))
    with click.open_file(file, "rb") as lines:
        tally = run(_import(settings, lines, form, told, {"dry_run": dry_run}))
    counts = ", ".join(f"{what} {tally[what]}" for what in ("imported", "present", "refused"))
    click.echo(f"dry run: {counts}" if dry_run else counts)
    if tally["refused"]:
        raise Complaint(f"what is refused, and why: {told.path}")


class Report:
    """The file that tells which lines are refused and why, and nothing else of what they hold."""

    def __init__(self, path: Path, source: Path) -> None:
        if path.exists() and source.exists() and path.samefile(source):
            raise Complaint("--report must not be the file to import")
        self.path = path
        self._mode = "wb"

    def tell(self, refused: Mapping[int, list[str]]) -> None:
        """Write down lines that are refused; the first ones make the file."""
        if not refused:
            return
        with self.path.open(self._mode) as file:
            for line, errors in sorted(refused.items()):
                file.write(orjson.dumps({"line": line, "errors": errors}) + b"\n")
        self._mode = "ab"


async def _import(
    settings: Settings, file: IO[bytes], form: str, report: Report, options: Mapping[str, Any]
) -> Counter[str]:
    """How many tokens are imported, present and refused."""
    tally, done, parts = Counter[str](), 0, chunks(file, form)
    async with operator(settings, ROOT_USER) as (services, caller):
        with _progress(file) as advance:
            try:
                for chunk in parts:
                    counts, refused = await _import_chunk(services, caller, chunk, options)
                    report.tell(refused)
                    tally.update(counts, refused=len(refused))
                    done = chunk.last
                    advance()
            except (Complaint, OSError) as error:
                raise Complaint(f"{error}; all is done up to line {done}") from None
    return tally


async def _import_chunk(
    services: Services, caller: Caller, chunk: Chunk, options: Mapping[str, Any]
) -> tuple[dict[str, int], dict[int, list[str]]]:
    """How many of a chunk's rows are imported and present, and why which lines are refused."""
    if not chunk.rows:
        return {}, chunk.refused
    answer = await dispatch(services, caller, "api-tokens/import", [chunk.rows, options])
    refused = {chunk.numbers[row["index"]]: row["errors"] for row in answer.data["refused"]}
    counts = {what: answer.data[what] for what in ("imported", "present")}
    return counts, chunk.refused | refused


@contextmanager
def _progress(file: IO[bytes]) -> Iterator[Callable[[], None]]:
    """Show on a terminal how much of a file is read; gives what to call when more is."""
    status = os.fstat(file.fileno())
    if not (sys.stderr.isatty() and stat.S_ISREG(status.st_mode)):
        yield lambda: None
        return
    with click.progressbar(length=status.st_size, file=sys.stderr, label="importing") as bar:
        yield lambda: bar.update(file.tell() - bar.pos)
