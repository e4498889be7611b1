"""Steps that the tests of `app` share."""

from app import statements
from app.accounts import Accounts
from app.authentication import Authentication
from app.config import Settings
from app.database import Database
from app.listener import Listener
from app.lookups import Lookups
from app.permissions import PermissionRegistry
from app.seals.sealing import MOST_EVENTS, seal_all
from app.services import Services
from app.statements import Statements
from app.token_cache import TokenCache
from app.token_format import Format, Key
from app.usage import Usage
from app.verification import Verification
from tests.methods.support import Sql


def cut_off_authentication() -> Authentication:
    """An authentication whose database cannot be reached: whatever asks it is told so."""
    url = "postgresql://127.0.0.1:1/nothing"
    nowhere = Statements(Database(url), statements.load())
    tokens, known = Format("apt", [Key.of(b"k" * 32)]), PermissionRegistry()
    cache = TokenCache(Listener(url), 100)
    lookups = Lookups(nowhere, tokens, known.known, cache)
    verification = Verification(tokens, cache, lookups, Usage())
    return Authentication(nowhere, verification, tokens, known, Accounts.of(Settings()))


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
