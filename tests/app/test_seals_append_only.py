"""The audit trail and its seals can be added to, and nothing else."""

import asyncpg
import pytest

from app.seals import COLUMNS
from tests.app.support import put_events
from tests.methods.support import Sql

NEW = {
    "id": "uuid_v7()",
    "at": "at + interval '1 microsecond'",
    "actor_user": "uuid_v7()",
    "actor_token": "uuid_v7()",
    "actor_session": "uuid_v7()",
    "action": "'other'",
    "target": "null",
    "details": """'{"n": 1, "exact": 1.00}'""",
}
UNSEALED = " where seal is null"
AGAIN = "select * from audit_events on conflict (id)"


@pytest.mark.parametrize(
    "change",
    [
        *(f"update audit_events set {name} = {NEW[name]}" + UNSEALED for name in COLUMNS),
        *(f"update audit_events set {name} = {NEW[name]} where seal = 1" for name in COLUMNS),
        *(f"update audit_events set seal = 2, {name} = {NEW[name]}" + UNSEALED for name in COLUMNS),
        "update audit_events set seal = null where seal is null",
        "update audit_events set seal = 1 where seal = 1",
        "update audit_events set seal = 2 where seal = 1",
        "update audit_events set seal = null where seal = 1",
        f"insert into audit_events {AGAIN} do update set action = 'other'",
        "delete from audit_events",
        "delete from audit_events where seal is null",
        "truncate audit_events",
        "update audit_seals set events = 0",
        "delete from audit_seals",
        "truncate audit_seals",
    ],
)
async def test_nothing_can_be_changed_afterwards(sql: Sql, change: str) -> None:
    """Whatever statement slips in, events and seals stay as they are; only sealing is allowed."""
    await put_events(sql, 1)
    await sql.execute("update audit_events set seal = 1")
    await sql.execute("insert into audit_seals values (1, now(), 1, '', '', '', '')")
    await put_events(sql, 1)
    state = "select (select array_agg(e) from audit_events e)::text, s::text from audit_seals s"
    before = await sql.fetch(state)
    with pytest.raises(asyncpg.RaiseError, match="is append-only"):
        await sql.execute(change)
    assert await sql.fetch(state) == before
