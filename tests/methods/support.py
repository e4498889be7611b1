"""Steps that the tests of methods share."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import orjson

from tests.conftest import MemberMaker
from tests.support import MISSING_ID, Api, until

if TYPE_CHECKING:
    Sql: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Sql = asyncpg.Connection  # generic in its stubs alone

PASSWORD: Final = "correct horse battery"
EVERYTHING: Final = {"read": True, "write": True, "admin": True, "verify": True}
INJECTIONS: Final = (
    "'; drop table api_tokens; --",
    "' or '1'='1",
    '"; delete from users; --',
    "$1",
    "$$; select pg_sleep(9); $$",
    "r.digest",
    "\\'; drop table users; --",
    "1) or (true",
    "null",
    "{x}",
)


async def bearer(owner: Api, **permissions: bool) -> Api:
    """The owner's API by a new token of theirs that has these permissions."""
    made = await owner("api-tokens/create", "made by a step", {"permissions": permissions})
    return owner.bearing(made["token"])


async def user_id(root: Api, name: str) -> str:
    """The id of the user of this name."""
    [row] = await root("users/read", {"where": {"name": name}})
    return str(row["id"])


async def signed_in(api: Api, name: str, password: str) -> Api:
    """The API of a person who has just signed in."""
    made = await api.bearing(None)("session/sign-in", name, password)
    return api.bearing(made["token"])


def moment(text: str) -> datetime:
    """A time, however many decimals it is written with."""
    return datetime.fromisoformat(text)


async def works(api: Api, secret: str) -> bool:
    """Whether a call with this secret goes well; if not, it is refused as dead."""
    result = await api.bearing(secret).result("api-tokens/read")
    code = getattr(result, "code", None)
    assert code in {None, -32815}
    return code is None


async def unreachable(member: MemberMaker) -> tuple[Api, list[str]]:
    """A user's API, and ids it must be told are not there: another's, nobody's, malformed ones."""
    alice, bob = await member("alice"), await member("bob")
    return alice, [await bob.token_id(), MISSING_ID, "nonsense", "", "'; drop table users; --"]


async def token(sql: Sql, token_id: str) -> dict[str, Any] | None:
    """A token's row as it is stored."""
    row = await sql.fetchrow("select * from api_tokens where id = $1", UUID(token_id))
    return dict(row) if row else None


async def user(sql: Sql, user_id: str) -> dict[str, Any] | None:
    """A user's row as it is stored."""
    row = await sql.fetchrow("select * from users where id = $1", UUID(user_id))
    return dict(row) if row else None


async def events(sql: Sql, action: str) -> list[dict[str, Any]]:
    """The audit events of an action, oldest first."""
    rows = await sql.fetch("select * from audit_events where action = $1 order by at", action)
    return [
        {
            "actor_user": str(row["actor_user"]),
            "actor_token": str(row["actor_token"]),
            "target": str(row["target"]),
            "details": orjson.loads(row["details"]),
        }
        for row in rows
    ]


async def stored(sql: Sql) -> str:
    """Every row of every table, as text."""
    tables = await sql.fetch("select tablename from pg_tables where schemaname = 'public'")
    rows = [await sql.fetch(f"select t::text from {name} t") for (name,) in tables]
    return "\n".join(row[0] for found in rows for row in found)


async def break_audit(sql: Sql) -> None:
    """From now on no audit event can be written."""
    await sql.execute("alter table audit_events add constraint broken check (false) not valid")


async def blocked(sql: Sql, calls: int) -> None:
    """Wait until so many calls on this database wait for a lock."""
    # A row's lock is waited for as a transaction's, which is of no database: what tells is the lock
    # on the table. Not pg_stat_activity, which stands still within our transaction.
    waiting = """
        select count(distinct pid) >= $1
        from pg_locks as waiting join pg_locks as held using (pid)
        where not waiting.granted
          and held.database = (select oid from pg_database where datname = current_database())
    """

    async def enough() -> bool:
        return bool(await sql.fetchval(waiting, calls))

    await until(enough)


async def put_tokens(sql: Sql, rows: Iterable[Mapping[str, Any]]) -> str:
    """The id of a new user who owns a token for each of these rows of columns."""
    user = await sql.fetchval("insert into users (name) values ($1) returning id", uuid4().hex)
    creator = {"user_id": str(user), "user_name": "x", "token_id": None, "token_name": None}
    for row in rows:
        values = {
            "user_id": user,
            "digest": uuid4().bytes,
            "digest_scheme": "none",
            "hint": "apt_…",
            "created_by": orjson.dumps(creator).decode(),
            **row,
        }
        places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
        await sql.execute(
            f"insert into api_tokens ({', '.join(values)}) values ({places})", *values.values()
        )
    return str(user)
