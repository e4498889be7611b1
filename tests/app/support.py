"""Steps that the tests of the audit trail's seals share."""

from app.seals.sealing import MOST_EVENTS, seal_all
from app.services import Services
from app.token_format import Key
from tests.methods.support import Sql


def key_of(services: Services) -> Key:
    """The key that the service seals with."""
    return services.dispatcher.tokens.keys[0]


async def seal(services: Services, most: int = MOST_EVENTS, key: Key | None = None) -> None:
    """Seal what is new, so many events at a time, as the service does."""
    await seal_all(services.sql, key or key_of(services), most)


async def put_events(sql: Sql, count: int) -> None:
    """Write so many events."""
    await sql.execute(
        "insert into audit_events (action, target, details)"
        " select 'lab/event', uuid_v7(), jsonb_build_object('n', n, 'exact', '1.0'::numeric)"
        " from generate_series(1, $1) n",
        count,
    )
