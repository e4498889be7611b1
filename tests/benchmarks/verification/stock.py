"""A database of many tokens, the secrets of which are known: what is verified."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from app import key_file
from app.token_format import ALPHABET, RANDOM_LENGTH, Format, completed
from tests.benchmarks.population import Sql, unindexed

USERS: Final = 10_000
CHUNK: Final = 1_000_000
# Names of one length: answers are then equally long, and can be counted by their bytes.
FILL_USERS: Final = """
insert into users (id, name)
select
    ('01900000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid,
    'user-' || lpad(n::text, 6, '0')
from generate_series(0, $1::bigint - 1) n
"""
FILL: Final = """
insert into api_tokens (user_id, name, permissions, digest, digest_scheme, hint, created_by)
select
    ('01900000-0000-7000-9000-' || lpad(to_hex(mod(n * 7919, $3::bigint)), 12, '0'))::uuid,
    'token-' || lpad(n::text, 9, '0'), '{"read": true}',
    coalesce(digest, sha256(int8send(n))), $4, 'apt_…0000', '{}'
from generate_series($1::bigint, $2) n
left join known using (n)
"""


@dataclass(frozen=True, slots=True)
class Stock:
    """So many stored tokens, of which so many are known: their bodies to verify stand in a file."""

    stored: int
    known: int
    bodies: Path

    def secrets(self, first: int, count: int) -> Iterator[str]:
        """So many secrets from the first on."""
        with self.bodies.open("rb") as file:
            width = len(file.readline())
            file.seek(first * width)
            for _ in range(count):
                yield file.readline().decode().strip()[2:-2]


async def fill(url: str, keys: Path, stock: Stock) -> None:
    """Put the stock into a database that has our schema, and its secrets into its file."""
    began = time.monotonic()
    tokens = Format("apt", key_file.load(keys, None))
    secrets = list(_secrets(tokens.prefix, stock.known))
    step = stock.stored // stock.known
    digest = tokens.keys[0].digest
    digests = [(number * step, digest(secret)) for number, secret in enumerate(secrets)]
    sql = await asyncpg.connect(url)
    try:
        await _store(sql, stock.stored, digests, tokens.scheme)
    finally:
        await sql.close()
    # In another order than that of the rows: neighbours are not verified one after the other.
    random.Random(1).shuffle(secrets)
    stock.bodies.write_text("".join(f'["{secret}"]\n' for secret in secrets))
    print(f"{stock.stored:,} tokens stored in {time.monotonic() - began:.0f} s", flush=True)


def _secrets(prefix: str, count: int) -> Iterator[str]:
    """Tokens of ours as good as random, and quicker made than those."""
    choices = random.Random(0).choices
    for _ in range(count):
        yield completed(prefix, "".join(choices(ALPHABET, k=RANDOM_LENGTH)))


async def _store(sql: Sql, stored: int, digests: list[tuple[int, bytes]], scheme: str) -> None:
    await sql.execute("create temporary table known (n bigint primary key, digest bytea)")
    await sql.copy_records_to_table("known", records=digests)
    await sql.execute("analyze known")
    users = min(USERS, stored)
    await sql.execute(FILL_USERS, users)
    async with unindexed(sql):
        for first in range(0, stored, CHUNK):
            last = min(first + CHUNK, stored) - 1
            await sql.execute(FILL, first, last, users, scheme)
    await sql.execute("vacuum analyze")
