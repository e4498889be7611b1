"""How quick and how small verification is: a table of figures beside their targets.

    python -m tests.benchmarks.verification [--rounds 5] [--seconds 2] [--only NAME] [--keep DIR]

Needs Linux, `wrk` and `pgbench`. Server, database and generator are processes of their own on the
same machine; what is compared takes turns in short slots, since machines change speed while one
measures: of two sides only the median of the ratios means anything.
"""

import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import click
import uvloop

from tests.benchmarks.verification import creation, growth, memory, revocation, speed
from tests.benchmarks.verification.findings import Finding
from tests.benchmarks.verification.ground import Extent, Ground, opened

Row = Callable[[Ground], Awaitable[list[Finding]]]

ROWS: Final[Mapping[str, Row]] = {
    "warm-http": speed.warm_http,
    "warm-websocket": speed.warm_websocket,
    "cold-http": speed.cold_http,
    "create": creation.creation,
    "workers": speed.workers,
    "revocation": revocation.revocation,
    "memory": memory.cached_tokens,
}
# They take long: 12 GB and ten minutes to store ten million tokens; as many minutes as one says.
LONG: Final[Mapping[str, Row]] = {"growth": growth.growth, "lasting": memory.lasting_load}


async def measure(names: Sequence[str], folder: Path, extent: Extent) -> None:
    """Measure one row after the other, and print what was found."""
    async with opened(folder, extent) as ground:
        print("what | target | found | | details", flush=True)
        for name in names:
            for finding in await {**ROWS, **LONG}[name](ground):
                print(finding, flush=True)


@click.command()
@click.option("--rounds", default=5, help="Slots of each side.")
@click.option("--seconds", default=2, help="Length of a slot.")
@click.option("--tokens", default=1_000_000, help="How many are stored.")
@click.option("--minutes", default=10.0, help="Length of the lasting load.")
@click.option("--only", multiple=True, type=click.Choice([*ROWS, *LONG]), help="This row; repeat.")
@click.option("--long", is_flag=True, help="The long rows too.")
@click.option("--keep", type=click.Path(path_type=Path), help="Folder of databases to use again.")
def main(only: tuple[str, ...], *, long: bool, keep: Path | None, **extent: Any) -> None:
    """Measure verification."""
    names = only or [*ROWS, *(LONG if long else ())]
    with nullcontext(keep) if keep else tempfile.TemporaryDirectory() as folder:
        uvloop.run(measure(names, Path(folder), Extent(**extent)))


if __name__ == "__main__":
    main()
