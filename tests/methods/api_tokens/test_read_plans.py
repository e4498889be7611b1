"""How PostgreSQL finds the rows of `read`, which knows no values when it decides."""

import random
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import product
from typing import Any, Final

import asyncpg
import pytest

from app import cursor, registry, statements
from app.database import Database
from app.permissions import PermissionRegistry
from app.read_options import Condition, Query, Selection
from app.services import Services
from tests.methods.support import Sql, put_tokens
from tests.support import MISSING_ID, database_of, made_database

FIELDS: Final = ("name", "role", "enabled", "created", "expires", "last_used")
WHERE: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"name": "x"},
    {"name": ["like", "x"]},
    {"role": "x"},
    {"role": None},
    {"enabled": False},
    {"created": [">=", "2030-01-01T00:00:00Z"]},
    {"expires": ["<", "2030-01-01T00:00:00Z"]},
    {"last_used": None},
)
USERS: Final = "insert into users (name) select n::text from generate_series(1, $1::bigint) n"
TOKENS: Final = """
    insert into api_tokens (user_id, name, digest, digest_scheme, hint, created_by, created)
    select u.id, 'name ' || n % 700, sha256(int8send(n)), 'none', 'apt_…' || n, '{}',
        now() - make_interval(mins => n::integer)
    from generate_series(1, 5000) n
    join users u on u.name = case when n % 4 = 0 then 1 else 1 + n % $1::bigint end::text
"""
OWNED: Final[Condition] = ("user_id", "uuid", "=", MISSING_ID)
BORNE: Final[Condition] = ("token", "bytea[]", "bears", [b"digest"])
HINTED: Final[Condition] = ("hint", "text", "includes", "x")
METHOD: Final = registry.load(PermissionRegistry()).methods["/v1/api-tokens/read"]
STATEMENT: Final = statements.load()["api_tokens/read"]


@pytest.fixture(scope="module", params=[1, 500], ids=["one user", "many users"])
async def database(
    request: pytest.FixtureRequest, postgres: str, template: str
) -> AsyncIterator[Database]:
    """The service's own connection to a database with tokens, of which PostgreSQL knows."""
    async with made_database(postgres, template) as name:
        url = database_of(postgres, name)
        sql = await asyncpg.connect(url)
        await fill(sql, request.param, "vacuum analyze")
        await sql.close()
        opened = Database(url, size=1)
        yield opened
        await opened.close()


async def fill(sql: Sql, users: int, command: str) -> None:
    """Give so many users 5,000 tokens, the first a quarter of them, and let PostgreSQL know."""
    await sql.execute(USERS, users)
    await sql.execute(TOKENS, users)
    await sql.execute(command)


async def plan(database: Database, options: dict[str, Any], *given: Condition) -> str:
    """How the page that the options ask for is found; never by reading a whole table."""
    assert METHOD.listing
    query = Query(STATEMENT.text, [{}], Selection(METHOD.listing, options, given, "/0"))
    nulls = ", ".join("null" for _ in query.parameters)
    async with database.connection() as connection:
        await connection.execute(f"prepare a_page as {query.text}")
        lines = await connection.fetch(f"explain execute a_page ({nulls})")
        await connection.execute("deallocate a_page")
    found = "\n".join(line for (line,) in lines)
    assert "Seq Scan" not in found, found
    return found


def chosen_by(plan: str) -> str:
    """The scan that chooses the rows: the first in the plan."""
    [scan, index] = re.findall(r"(Index(?: Only)? Scan)(?: Backward)? using (\w+)", plan)[0]
    return f"{scan} using {index}"


def is_in_order_of(index: str, plan: str) -> bool:
    """Whether the page is read off this index, as far as it goes and no further."""
    scan = rf"Limit  .*\n +->  Index Only Scan (Backward )?using {index} "
    return re.search(scan, plan) is not None


@pytest.mark.parametrize("where", WHERE, ids=str)
@pytest.mark.parametrize("given", [(OWNED,), (OWNED, HINTED)], ids=["owner", "owner and hint"])
async def test_an_owners_index_alone_tells_which_rows(
    database: Database, where: dict[str, Any], given: tuple[Condition, ...]
) -> None:
    """Whatever filters and sorts, rows that are not shown are not fetched."""
    for field, direction in product(FIELDS, ("asc", "desc")):
        options = {"where": where, "order_by": [[field, direction]]}
        found = await plan(database, options, *given)
        assert chosen_by(found) == "Index Only Scan using api_tokens_by_owner", found


@pytest.mark.parametrize("where", [{}, {"enabled": True}], ids=str)
async def test_a_page_by_name_is_read_in_that_order(
    services: Services, sql: Sql, where: dict[str, Any]
) -> None:
    """Even while vacuum lags behind, so that rows are fetched: never all of an owner's."""
    await fill(sql, 500, "analyze")
    found = await plan(services.database, {"where": where}, OWNED)
    assert is_in_order_of("api_tokens_by_owner", found), found


async def test_a_page_by_name_begins_where_the_cursor_stands(database: Database) -> None:
    """The index is read from there on."""
    order = cursor.complete([["name", "asc"]])
    after = cursor.encode(order, {"name": "x", "id": MISSING_ID})
    found = await plan(database, {"after": after}, OWNED)
    assert is_in_order_of("api_tokens_by_owner", found), found
    assert re.search(r"Index Cond: \(\(user_id = .*\) AND \(ROW\(name, id\) > ROW", found), found


@pytest.mark.parametrize("field", ["name", "created"])
@pytest.mark.parametrize("direction", ["asc", "desc"])
async def test_everybodys_tokens_come_in_order_of_an_index(
    database: Database, field: str, direction: str
) -> None:
    """An administrator's first page is not sorted out of all there are."""
    found = await plan(database, {"order_by": [[field, direction]]})
    assert is_in_order_of(f"api_tokens_by_{field}", found), found


@pytest.mark.parametrize("given", [(), (OWNED,)], ids=["all", "owner"])
async def test_counts_in_an_index(database: Database, given: tuple[Condition, ...]) -> None:
    """To count rows none is fetched, and no owner looked up."""
    found = await plan(database, {"count": True}, *given)
    aggregate = found[found.index("Aggregate") :]
    assert "Index Only Scan" in aggregate.split("\n")[1], found


@pytest.mark.parametrize("field", FIELDS)
async def test_a_row_is_found_by_its_id(database: Database, field: str) -> None:
    """Not among all of its owner's."""
    found = await plan(database, {"id": MISSING_ID, "order_by": [field]}, OWNED)
    assert chosen_by(found) == "Index Scan using api_tokens_pkey", found
    assert "api_tokens_by" not in found


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("given", [(BORNE,), (OWNED, BORNE)], ids=["all", "owner"])
async def test_a_token_is_found_by_its_digests(
    database: Database, field: str, given: tuple[Condition, ...]
) -> None:
    """By that of its secret, and by that of the one before."""
    found = await plan(database, {"order_by": [field]}, *given)
    for name in ("api_tokens_digest_key", "api_tokens_previous_digest_key"):
        assert f"Bitmap Index Scan on {name}" in found, found
    assert "api_tokens_by" not in found


@pytest.mark.parametrize("where", WHERE, ids=str)
async def test_no_table_is_read_whole_even_while_it_is_small(
    services: Services, where: dict[str, Any]
) -> None:
    """A plan made then is kept while the table grows."""
    for given, field in product([(), (OWNED,), (BORNE,)], FIELDS):
        assert await plan(services.database, {"where": where, "order_by": [field]}, *given)


async def test_the_longest_values_fit_the_index(sql: Sql) -> None:
    """A token can have the longest name a setting allows, and all else as long as can be."""
    dice = random.Random(0)  # what cannot be compressed
    name = "".join(chr(dice.randrange(0x20000, 0x2FA00)) for _ in range(600))
    row = {"name": name, "role": "r" * 64, "hint": "h" * 40, "expires": datetime.now(UTC)}
    await put_tokens(sql, [{**row, "last_used": row["expires"]}])
