"""A trail to read: a few events of known people."""

from typing import Any

import pytest

from tests.methods.support import Sql
from tests.support import Api

ANN, BEN, TOKEN, THING = (f"01900000-0000-7000-8000-00000000000{n}" for n in "abcd")
# action, actor, token, target
TRAIL = [
    ("lab/a", ANN, TOKEN, THING),
    ("lab/b", ANN, None, BEN),
    ("lab/c", BEN, None, ANN),
    ("lab/d", BEN, None, THING),
    ("lab/e", None, None, ANN),
    ("lab/f", ANN, None, ANN),
    ("lab/g", None, None, None),
]
LAB = {"action": ["starts with", "lab/"]}


@pytest.fixture(scope="module")
async def trail(shared: Api, shared_sql: Sql) -> Api:
    """Root's API beside what Ann and Ben did one morning in 2001, an event an hour; Ben is gone."""
    await shared_sql.execute("insert into users (id, name) values ($1, 'ann')", ANN)
    for hour, event in enumerate(TRAIL):
        await shared_sql.execute(
            "insert into audit_events (at, action, actor_user, actor_token, target)"
            " values (make_timestamptz(2001, 1, 1, $1, 0, 0, 'UTC'), $2, $3, $4, $5)",
            hour,
            *event,
        )
    return shared


async def letters(api: Api, **options: Any) -> str:
    """The last letters of the actions that these options select, in order."""
    options = {"where": LAB, **options}
    return "".join(row["action"][-1] for row in await api("audit/read", options))
