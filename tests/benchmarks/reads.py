"""How long a user's lists take among everybody's tokens, as a multiple of the same lists alone.

    python -m tests.benchmarks.reads [--tokens 10000000] [--users 100000] [--of-one 100000]

Two databases hold the same tokens of one user, the first among all others' tokens. Each call runs
in both in turn, several times, since machines change speed while one measures: only the ratios of
medians mean anything. Ten million tokens take 12 GB in the temporary folder and 15 minutes.
"""

import re
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import click
import uvloop

from app import embedded
from app.call import Caller, Request, Success
from app.config import Settings
from app.services import Services, open_services
from tests.benchmarks.population import READER, Population
from tests.support import KEY

Options = dict[str, Any]

FIELDS: Final = ("name", "role", "enabled", "created", "expires", "last_used")
SORTS: Final = tuple(product(FIELDS, ("asc", "desc")))
FILTERS: Final[dict[str, Options]] = {
    "none": {},
    "name =": {"name": "deploy-prod"},
    "name like": {"name": ["like", "graf"]},
    "role =": {"role": "admin"},
    "role null": {"role": None},
    "enabled": {"enabled": True},
    "disabled": {"enabled": False},
    "created >=": {"created": [">=", "2026-07-01T00:00:00Z"]},
    "expires <": {"expires": ["<", "2025-07-01T00:00:00Z"]},
    "expires null": {"expires": None},
    "last_used >": {"last_used": [">", "2026-12-31T00:00:00Z"]},
    "last_used null": {"last_used": None},
    "token, a part": {"token": "Q5"},
}
# As the service's own, but for checkpoints, which would come all the time while rows are loaded.
LOADING: Final = {"max_wal_size": "16GB", "checkpoint_timeout": "1h"}
SLOT: Final = 0.05  # seconds
PAGE: Final = 100
DEEP: Final = 1000
# What of a plan tells its shape: its scans, and the sort that keeps no more than a page.
SHAPE: Final = re.compile(
    r"\b((?:Parallel )?(?:Index|Bitmap|Seq)(?: \w+)* Scan[\w ]* (?:on|using) \w+|top-N heapsort)"
)


class Key(NamedTuple):
    """Which page is measured."""

    filter: str
    sort: str
    page: str


@dataclass(frozen=True, slots=True)
class Database:
    """One of the databases: the service on it, and somebody who calls."""

    services: Services
    caller: Caller
    plans: list[str]

    async def read(self, options: Options) -> Success:
        """The answer of a call that goes well."""
        return await self.call("api-tokens/read", options)

    async def call(self, method: str, *arguments: Any) -> Success:
        """The answer of a call that goes well."""
        request = Request(f"/v1/{method}", list(arguments))
        result = await self.services.dispatcher.dispatch(request, self.caller)
        assert isinstance(result, Success), result
        return result

    async def seconds(self, options: Options) -> float:
        """How long a call takes: the median of as many as there is time for in one slot."""
        times: list[float] = []
        while sum(times) < SLOT:
            began = time.perf_counter()
            await self.read(options)
            times.append(time.perf_counter() - began)
        return median(times)

    async def plan(self, options: Options) -> str:
        """What PostgreSQL did for a call: needs a superuser, for it is told by auto_explain."""
        async with self.services.database.connection() as connection:
            await connection.execute("set auto_explain.log_min_duration = 0")
        self.plans.clear()
        await self.read(options)
        async with self.services.database.connection() as connection:
            await connection.execute("set auto_explain.log_min_duration = -1")
        [told] = self.plans
        return told[told.rindex("\n", 0, told.index("  (cost=")) + 1 :]


@asynccontextmanager
async def opened(url: str, folder: Path) -> AsyncIterator[Database]:
    """The service on one database, on one connection that can tell its plans."""
    settings = Settings(
        data_dir=folder, database_url=url, key=KEY, database_connections=1, password_memory=32
    )
    plans: list[str] = []
    async with open_services(settings, serving=False) as services:
        async with services.database.connection() as connection:
            await connection.execute(
                "load 'auto_explain'; set auto_explain.log_analyze = on;"
                " set auto_explain.log_buffers = on; set client_min_messages = log"
            )
            connection.add_log_listener(lambda _, message: plans.append(message.message))
        yield Database(services, await services.operator(READER), plans)


async def pages(database: Database, value: str) -> AsyncIterator[tuple[Key, Options]]:
    """Every page that is measured."""
    filters = {**FILTERS, "token": {"token": value}}
    for (name, where), (field, direction) in product(filters.items(), SORTS):
        options: Options = {"where": where, "order_by": [[field, direction]]}
        total = (await database.read({**options, "count": True, "limit": 1})).meta["total_rows"]
        yield Key(name, f"{field} {direction}", "first"), {**options, "limit": PAGE}
        # As many rows a page as there may be for a thousand pages; if there are fewer, the last.
        limit = max(1, min(PAGE, total // DEEP))
        place = min(DEEP - 1, total - 1) * limit
        if place > 0:
            after = await cursor_at(database, options, place)
            deep = {**options, "limit": limit, "after": after}
            yield Key(name, f"{field} {direction}", "deep"), deep


async def cursor_at(database: Database, options: Options, place: int) -> str:
    """The cursor to go on with after so many rows."""
    before = await database.read({**options, "offset": place - 1, "limit": 1})
    return str(before.meta["next_cursor"])


async def measure(everybody: Database, alone: Database, rounds: int, *, explain: bool) -> None:
    """Measure every page in turn, several times, and print what was found."""
    value = (await everybody.call("api-tokens/create", "at hand")).data["token"]
    await alone.call("api-tokens/create", "at hand", {"token": value})
    measured = [page async for page in pages(everybody, value)]
    times: dict[Key, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for _, (key, options) in product(range(rounds), measured):
        for database, found in zip((everybody, alone), times[key], strict=True):
            found.append(await database.seconds(options))
    report({key: (median(among), median(by_itself)) for key, (among, by_itself) in times.items()})
    await shapes(everybody, measured, explain=explain)
    await everything(everybody, rounds, explain=explain)


def report(times: Mapping[Key, tuple[float, float]]) -> None:
    """Print a table of ratios with the larger time, and the worst of them."""
    ratios = {key: among / alone for key, (among, alone) in times.items()}
    shown = {key: f"{ratio:.2f} ({times[key][0] * 1e3:.0f})" for key, ratio in ratios.items()}
    sorts = [f"{field} {direction}" for field, direction in SORTS]
    for page in ("first", "deep"):
        print(f"\n{page} page, ratio (ms)", *sorts, sep=" | ")
        for name in dict.fromkeys(key.filter for key in ratios):
            print(name, *(shown.get(Key(name, sort, page), "-") for sort in sorts), sep=" | ")
    print(f"\nmedian of {len(ratios)} ratios {median(ratios.values()):.2f}; the worst:")
    for key in sorted(ratios, key=lambda key: -ratios[key])[:8]:
        among, alone = times[key]
        print(f"{ratios[key]:.2f} {', '.join(key)}: {among * 1e3:.1f} ms, {alone * 1e3:.1f} ms")


async def shapes(
    database: Database, measured: Iterable[tuple[Key, Options]], *, explain: bool
) -> None:
    """Print by which scans pages are found."""
    found: dict[str, list[tuple[Key, str]]] = defaultdict(list)
    for key, options in measured:
        plan = await database.plan(options)
        found[scans(plan)].append((key, plan))
    for shape, pages_of_it in found.items():
        key, plan = pages_of_it[0]
        print(f"\n{shape}\n    {len(pages_of_it)} pages, such as: {', '.join(key)}")
        if explain:
            print(plan)


def scans(plan: str) -> str:
    """By what a plan finds its rows; never by reading the whole table."""
    found = ", ".join(SHAPE.findall(plan))
    assert "Seq Scan on api_tokens" not in found, plan
    return found


async def everything(database: Database, rounds: int, *, explain: bool) -> None:
    """Print how long an administrator's lists of everybody's tokens take."""
    admin = replace(database, caller=replace(database.caller, permissions={"admin": True}))
    print("\neverybody's tokens")
    for name, options in [page async for page in whole(admin)]:
        plan = await admin.plan(options)
        times = [await admin.seconds(options) for _ in range(rounds)]
        print(f"{name}: {median(times) * 1e3:.1f} ms\n    {scans(plan)}")
        if explain:
            print(plan)


async def whole(admin: Database) -> AsyncIterator[tuple[str, Options]]:
    """What an administrator may ask of all tokens."""
    yield "count", {"owner": "all", "limit": 1, "count": True}
    for field, direction in product(("name", "created"), ("asc", "desc")):
        options: Options = {"owner": "all", "order_by": [[field, direction]]}
        yield f"{field} {direction}, first", options
        after = await cursor_at(admin, options, (DEEP - 1) * PAGE)
        yield f"{field} {direction}, deep", {**options, "after": after}
    for name in ("name =", "enabled", "disabled"):
        yield name, {"owner": "all", "where": FILTERS[name]}


async def compare(population: Population, server: str, rounds: int, *, explain: bool) -> None:
    """Make both databases, measure, and leave nothing behind."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = [
            await stack.enter_async_context(population.made(server, alone=alone))
            for alone in (False, True)
        ]
        everybody, alone = [await stack.enter_async_context(opened(url, folder)) for url in urls]
        await measure(everybody, alone, rounds, explain=explain)


async def run(
    population: Population, database_url: str | None, rounds: int, *, explain: bool
) -> None:
    """Compare on the PostgreSQL that is named, or on one of our own."""
    if database_url:
        await compare(population, database_url, rounds, explain=explain)
        return
    with tempfile.TemporaryDirectory() as folder:
        async with embedded.serve(Path(folder) / "data", settings=LOADING) as dsn:
            await compare(population, dsn, rounds, explain=explain)


@click.command()
@click.option("--tokens", default=10_000_000, help="How many there are.")
@click.option("--users", default=100_000, help="Whose they are.")
@click.option("--of-one", default=100_000, help="How many of them are the reader's.")
@click.option("--rounds", default=5, help="How often each call is measured.")
@click.option("--database-url", help="Where a superuser makes databases; else the embedded one.")
@click.option("--explain", is_flag=True, help="Print a plan of each shape.")
def main(
    tokens: int, users: int, of_one: int, *, rounds: int, database_url: str | None, explain: bool
) -> None:
    """Measure lists of tokens in a large database and in a small one."""
    uvloop.run(run(Population(tokens, users, of_one), database_url, rounds, explain=explain))


if __name__ == "__main__":
    main()
