"""Whatever schemathesis thinks of, the service answers as its /openapi.json says."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from argon2 import PasswordHasher

from app import client, docs
from tests.examples import EXAMPLE_PASSWORD, REGISTRY, set_up
from tests.support import ROOT, Server, database_of, made_database, running_server

CONFIG: Final = "tests/fuzz/schemathesis.toml"
PATIENCE: Final = 240.0
# Fuzzing is to find more than "too many requests", and hashing to be quick.
LIMITS: Final = (
    *("--sign-in-attempts", "1000000", "--sign-in-address-attempts", "1000000"),
    *("--password-memory", "32"),
)
# What a run stands on: it must not lock itself out, nor use up what the examples speak of.
KEPT: Final = ("users", "api_tokens", "sessions")
PHASES: Final = ("Examples", "Coverage", "Fuzzing", "Stateful")


@dataclass(frozen=True)
class Run:
    """A run of schemathesis: how it ended, what it said, and each operation's statuses."""

    status: int
    said: str
    statuses: Mapping[str, Mapping[str, int]]


@pytest.fixture(scope="module")
async def run(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Run]:
    """Every operation called in every phase, as root, on a database of its own."""
    folder = tmp_path_factory.mktemp("fuzz")
    async with made_database(postgres, template) as name:
        url = database_of(postgres, name)
        async with running_server("--data-dir", str(folder), "--database-url", url, *LIMITS) as it:
            yield await fuzz(it, url, folder / "statuses.json")


async def fuzz(server: Server, database_url: str, statuses: Path) -> Run:
    """Run schemathesis against the document that the server itself gives."""
    arguments = ["--config-file", CONFIG, "run", f"{server.url}/openapi.json"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", *arguments),
        cwd=ROOT,
        env={
            **os.environ,
            "FUZZ_TOKEN": server.root_token,
            "FUZZ_SESSION": await stage(server, database_url),
            "FUZZ_DATABASE_URL": database_url,
            "FUZZ_STATUSES": str(statuses),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(statuses.parent / "hypothesis"),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    seen = json.loads(statuses.read_text("utf-8")) if statuses.exists() else {}
    return Run(process.returncode, said.decode(), seen)


async def stage(server: Server, database_url: str) -> str:
    """Have what the examples speak of, now and after each call; answers a session's secret."""
    sql = await asyncpg.connect(database_url)
    try:
        await set_up(sql, PasswordHasher(1, 32, 1).hash(EXAMPLE_PASSWORD))
        given = ('"alice"', json.dumps(EXAMPLE_PASSWORD))
        session = await asyncio.to_thread(client.call, server.url, "session/sign-in", given, None)
        await sql.execute("create schema kept")
        steps = [await keep(sql, table) for table in KEPT]
        await sql.execute(
            "create function put_back() returns void begin atomic"
            " update settings set api_enabled = true where not api_enabled;"
            " delete from users u using kept.users k where u.name = k.name and u.id <> k.id;"
            f" {' '.join(steps)} end"
        )
    finally:
        await sql.close()
    return str(session["token"])


async def keep(sql: "asyncpg.Connection[asyncpg.Record]", table: str) -> str:
    """Keep a copy of a table's rows; answers the statement that puts back what has changed."""
    await sql.execute(f"create table kept.{table} as table public.{table}")
    columns = ", ".join(
        row["attname"]
        for row in await sql.fetch(
            "select attname from pg_attribute where attrelid = $1::text::regclass"
            " and attnum > 0 and not attisdropped order by attnum",
            f"kept.{table}",
        )
    )
    return (
        f"insert into public.{table} as now ({columns}) select {columns} from kept.{table}"
        f" on conflict (id) do update set ({columns}) = (select excluded.*)"
        f" where now.* is distinct from excluded.*;"
    )


def test_finds_nothing(run: Run) -> None:
    """No check fails in any phase, and schemathesis has nothing to warn of."""
    assert run.status == 0, run.said


def test_runs_every_phase(run: Run) -> None:
    """Examples, coverage, fuzzing and sequences of calls have all been tried."""
    assert [f"✅  {phase} (in" in run.said for phase in PHASES] == [True] * len(PHASES), run.said


def test_every_operation_is_answered_well(run: Run) -> None:
    """Each success of each has been seen: what lies behind its refusals was reached."""
    documented = {
        (f"{verb.upper()} {path}", status)
        for path, item in docs.openapi(REGISTRY, "1.2.3")["paths"].items()
        for verb in item
        if verb in {"get", "head", "post", "delete"}
        for status in item[verb]["responses"]
        if status.startswith("2")
    }
    answered = {(label, status) for label, seen in run.statuses.items() for status in seen}
    # schemathesis has read this one before, and does not count it among the others.
    assert documented - answered == {("GET /openapi.json", "200")}


def test_a_good_token_is_introspected(run: Run) -> None:
    """There is more to introspection than "not active", though nobody can make a token up."""
    assert "active" in run.statuses["POST /oauth2/introspect"]
