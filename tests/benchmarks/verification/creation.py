"""New tokens per second over HTTP, against what PostgreSQL alone does with the same statement."""

import asyncio
import json
import os
import re
from pathlib import Path
from statistics import median
from typing import Final

import asyncpg

from app import permissions, statements
from tests.benchmarks import wrk
from tests.benchmarks.verification.findings import Finding, at_least, ratio
from tests.benchmarks.verification.ground import Ground
from tests.benchmarks.wrk import Bodies

CLIENTS: Final = 8
# As the service's own connections are.
OPTIONS: Final = "-c plan_cache_mode=force_generic_plan -c jit=off"
# Each new token has digests of its own: hashes of random numbers cost next to nothing.
NUMBERS: Final = "".join(f"\\set {name} random(1, 1000000000000000000)\n" for name in "abc")
# The parameters of the statement, as `["measured"]` gives them; pgbench has no null, and takes what
# follows a colon for a variable.
VALUES: Final = {
    "name": "'measured'::text",
    "role": "null::text",
    "permissions": "'{}'::jsonb",
    "digests": "array[sha256(int8send(:a)), sha256(int8send(:b)), sha512(int8send(:c))]",
    "digest_scheme": "'hmac-sha256:00000000'::text",
    "hint": "'apt_…0000'::text",
    "expires": "null::timestamptz",
    "metadata": "'{}'::jsonb",
    "sealed": "null::bytea",
    "created_by": """'{"user_id": null, "user_name": "root"}'::jsonb""",
    "caller_user": "'USER'::uuid",
    "caller_token": "null::uuid",
    "caller_session": "null::uuid",
    "known_permissions": f"'{json.dumps(dict(permissions.load(None).known))}'::jsonb",
}


async def creation(ground: Ground) -> list[Finding]:
    """Creating over HTTP, and the same statement by pgbench, in turn."""
    database = await ground.database()
    ours, theirs = [], []
    body, script = ground.folder / "create.json", ground.folder / "create.sql"
    body.write_text('["measured"]\n')
    script.write_text(await _script(database.url))
    async with database.served() as server:
        url = f"{server.url}/v1/api-tokens/create"
        for _ in range(ground.extent.rounds):
            theirs.append(await _pgbench(database.url, script, ground.extent.seconds))
            ours.append(await wrk.load(url, database.root, Bodies(body), ground.extent.seconds))
            assert ours[-1].failed == 0, ours[-1]
    name = f"create over HTTP ÷ pgbench, {CLIENTS} clients"
    late, busy = (median(getattr(load, name) for load in ours) for name in ("p99", "busy"))
    details = f"p99 {late * 1000:.1f} ms; generator {busy:.0%} of a core"
    return [ratio(name, at_least(0.55), [load.rate for load in ours], theirs, details)]


async def _script(url: str) -> str:
    """The statement as pgbench takes it: run by the root user."""
    sql = await asyncpg.connect(url)
    try:
        user = await sql.fetchval("select id from users where root")
    finally:
        await sql.close()
    statement = statements.load()["api_tokens/create"]
    values = [VALUES[name].replace("USER", str(user)) for name in statement.parameters]
    text = re.sub(r"\$(\d+)", lambda found: values[int(found[1]) - 1], statement.text)
    return f"{NUMBERS}{text};\n"


async def _pgbench(url: str, script: Path, seconds: float) -> float:
    """Transactions per second."""
    process = await asyncio.create_subprocess_exec(
        *("pgbench", "-n", "-M", "prepared", "-c", str(CLIENTS), "-T", str(round(seconds))),
        *("-f", str(script), url),
        env={**os.environ, "PGOPTIONS": OPTIONS},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out
    [found] = re.findall(rb"^tps = ([0-9.]+)", out, re.MULTILINE)
    return float(found)
