"""How long one cold verification takes among very many stored tokens, against among few.

Cold for the service: it has not seen the token before. What the system has not in memory it reads
from disk, which says more about the disk than about us; so it is read once before.
"""

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from itertools import chain
from statistics import median
from typing import Final

import asyncpg
from yarl import URL

from tests.benchmarks.verification.findings import Finding, at_most, milliseconds, percentile
from tests.benchmarks.verification.ground import VERIFY, Database, Ground
from tests.support import Server

MANY: Final = 10_000_000
FEW: Final = 10_000
# Of the many, so many are spread over all and known: as many as there are of the few.
KNOWN: Final = FEW
CHUNK: Final = 1 << 16
LENGTH: Final = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


async def growth(ground: Ground) -> list[Finding]:
    """One connection, one call after the other, on both in turn."""
    many, few = await ground.database(MANY, KNOWN), await ground.database(FEW)
    for database in (many, few):
        await _read_once(database)
    parts = ground.extent.rounds
    times: dict[int, list[list[float]]] = {MANY: [], FEW: []}
    async with many.served() as large, few.served() as small:
        for part in range(parts):
            for database, server in ((many, large), (few, small)):
                found = await asyncio.to_thread(_seconds, database, server, part, parts)
                times[database.stock.stored].append(found)
    middles = {stored: [median(part) for part in found] for stored, found in times.items()}
    ratios = [a / b for a, b in zip(middles[MANY], middles[FEW], strict=True)]
    sides = " ÷ ".join(_sides(found) for found in times.values())
    shown = f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
    name = f"cold verify p50, {MANY:,} stored ÷ {FEW:,} stored"
    return [Finding(name, median(ratios), shown, at_most(1.3), sides)]


async def _read_once(database: Database) -> None:
    """Have the system read what a verification may look at."""
    sql = await asyncpg.connect(database.url, command_timeout=600)
    try:
        await sql.execute("create extension if not exists pg_prewarm")
        for relation in ("api_tokens", "api_tokens_digest_key", "users", "users_pkey"):
            await sql.execute(f"select pg_prewarm('{relation}', 'read')")
    finally:
        await sql.close()


def _sides(found: list[list[float]]) -> str:
    every = list(chain.from_iterable(found))
    return f"{milliseconds(median(every))} (p99 {milliseconds(percentile(every, 99))})"


def _seconds(database: Database, server: Server, part: int, parts: int) -> list[float]:
    """How long each of a part's calls takes."""
    url = URL(server.url)
    with socket.create_connection((str(url.host), url.port or 0), timeout=10) as connection:
        return [_timed(connection, request) for request in _requests(database, url, part, parts)]


def _requests(database: Database, url: URL, part: int, parts: int) -> Iterator[bytes]:
    cold = database.cold(part, parts)
    for secret in database.stock.secrets(cold.first, cold.count):
        body = f'["{secret}"]'
        yield (
            f"POST {VERIFY} HTTP/1.1\r\nHost: {url.host}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {database.caller}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()


def _timed(connection: socket.socket, request: bytes) -> float:
    began = time.perf_counter()
    connection.sendall(request)
    answer = connection.recv(CHUNK)
    while not _is_whole(answer):
        answer += connection.recv(CHUNK)
    elapsed = time.perf_counter() - began
    assert b'"valid":true' in answer, answer
    return elapsed


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    return bool(end) and length is not None and len(body) >= int(length[1])
