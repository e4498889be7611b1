"""Opens everything in order and closes it in reverse; for the server, the command line, tests."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

from app import database, embedded, key_file, migrations, permissions, registry, statements
from app.accounts import Accounts
from app.authentication import Authentication
from app.call import Caller, Failure, Request
from app.config import Settings
from app.database import Database
from app.dispatcher import Dispatcher
from app.errors import CannotStart, Refusal
from app.listener import Listener, listening
from app.lookups import AT_ONCE, Lookups
from app.permissions import PermissionRegistry
from app.receipts import Receipts
from app.recovery import Recovery
from app.registry import LIMITS, VERSION, Registry
from app.seals.sealing import sealing
from app.statements import Statement, Statements
from app.token_cache import TokenCache
from app.token_format import PREFIX, SESSION_PREFIX, Format, random_text
from app.usage import Usage, recording
from app.verification import Verification

log = logging.getLogger("api_tokens")

ROOT_USER: Final = "root"
FIRST_PASSWORD_LENGTH: Final = 24


class FirstSecrets(NamedTuple):
    """What the first start shows, this once: root's password, and the secret of a root token."""

    password: str
    token: str


class Parts(NamedTuple):
    """What is loaded before there is a database."""

    tokens: Format
    permissions: PermissionRegistry
    methods: Registry
    statements: Mapping[str, Statement]
    accounts: Accounts


class Beside(NamedTuple):
    """What goes on beside the calls; a command hears of nothing, and what it counts is lost."""

    listener: Listener
    usage: Usage
    receipts: Receipts | None = None


@dataclass(frozen=True, slots=True)
class Services:
    """The running service without any wire: the dispatcher, and what it stands on."""

    settings: Settings
    database: Database
    sql: Statements
    dispatcher: Dispatcher
    listener: Listener
    migrations: int

    async def is_ready(self) -> bool:
        """Whether the database answers, with every migration of ours in it."""
        try:
            row = await self.sql.row("_service/ready", {})
        except Refusal:
            return False
        return row is not None and row["migrations"] >= self.migrations

    async def operator(self, user_name: str) -> Caller:
        """The caller that the command line speaks as: this user, with all they hold.

        Raises:
            CannotStart: there is no such user.
        """
        known = self.dispatcher.permissions.known
        values = {"name": user_name, "known_permissions": known}
        with database.at_start():
            user = await self.sql.row("_service/find_user", values)
        if user is None:
            raise CannotStart(f"there is no user {user_name!r}")
        return Caller(user["id"], user["name"], permissions=user["permissions"])

    async def make_root(self, password_hash: str | None = None) -> bool:
        """Make the root user of a database without users; answers whether there was none."""
        with database.at_start():
            values = {"password_hash": password_hash}
            return await self.sql.row("_service/create_root", values) is not None

    async def first_start(self) -> FirstSecrets | None:
        """On a database without users: make the root user, a password and a token."""
        with database.at_start():
            if await self.sql.row("_service/any_user", {}) is not None:
                return None
        password = random_text(FIRST_PASSWORD_LENGTH)
        if not await self.make_root(await self.dispatcher.accounts.passwords.hash(password)):
            return None
        caller = await self.operator(ROOT_USER)
        request = Request(
            f"{VERSION}api-tokens/create", ["root", {"permissions": dict(caller.permissions)}]
        )
        result = await self.dispatcher.dispatch(request, caller)
        if isinstance(result, Failure):
            raise CannotStart(f"cannot make the first token: {result.text}")
        return FirstSecrets(password, str(result.data["token"]))


@asynccontextmanager
async def open_services(settings: Settings, *, serving: bool) -> AsyncIterator[Services]:
    """The service on its database, brought up to date.

    Args:
        settings: everything the operator has set.
        serving: True for the service itself; a command shares the database of a running one.

    Raises:
        CannotStart: something is missing or wrong; the text is one line for the operator.
    """
    parts = _parts(settings)
    async with AsyncExitStack() as stack:
        stack.callback(parts.accounts.passwords.close)
        dsn = await stack.enter_async_context(_database_url(settings, serving=serving))
        migrated = await _migrate(dsn)
        connections = _connections(settings, dsn, settings.database_connections)
        stack.push_async_callback(connections.close)
        sql = Statements(connections, parts.statements)
        await _claim_key(settings, sql, parts.tokens)
        if serving and not parts.tokens.recovery.is_on:
            await _tell_of_copies(sql)
        beside = Beside(Listener(dsn), Usage())
        if serving:
            beside = await stack.enter_async_context(_beside(settings, dsn, sql, parts.tokens))
        verifying = _verifying(settings, dsn, parts, beside)
        verification = await stack.enter_async_context(verifying)
        who = Authentication(sql, verification, parts.tokens, parts.permissions, parts.accounts)
        dispatcher = Dispatcher(
            authentication=who,
            registry=parts.methods,
            sql=sql,
            permissions=parts.permissions,
            tokens=parts.tokens,
            accounts=parts.accounts,
            verification=verification,
            receipts=beside.receipts,
        )
        yield Services(settings, connections, sql, dispatcher, beside.listener, migrated)


def _parts(settings: Settings) -> Parts:
    tokens, known = _format(settings), _permissions(settings)
    limits = {name: getattr(settings, name) for name in LIMITS}
    methods = registry.load(known, limits)
    return Parts(tokens, known, methods, statements.load(), Accounts.of(settings))


async def _migrate(dsn: str) -> int:
    """Bring a database up to date; answers how many migrations it has had then."""
    schema = migrations.load()
    for migration in await migrations.apply(dsn, schema):
        log.info("applied migration %s", migration.name)
    return len(schema)


@asynccontextmanager
async def _beside(
    settings: Settings, dsn: str, sql: Statements, tokens: Format
) -> AsyncIterator[Beside]:
    async with (
        listening(dsn) as listener,
        recording(sql, settings.usage_interval) as usage,
        sealing(sql, tokens.keys[0], settings.seal_interval),
    ):
        yield Beside(listener, usage, Receipts(listener))


@asynccontextmanager
async def _verifying(
    settings: Settings, dsn: str, parts: Parts, beside: Beside
) -> AsyncIterator[Verification]:
    """Verification on connections of its own: it waits not behind what lists and changes."""
    async with AsyncExitStack() as stack:
        reading = _connections(settings, dsn, AT_ONCE)
        stack.push_async_callback(reading.close)
        cache = TokenCache(beside.listener, settings.cache_limit)
        beside.listener.subscribers.append(cache)
        sql, known = Statements(reading, parts.statements), parts.permissions.known
        lookups = Lookups(sql, parts.tokens, known, cache, beside.receipts)
        stack.push_async_callback(lookups.close)
        yield Verification(parts.tokens, cache, lookups, beside.usage)


@asynccontextmanager
async def _database_url(settings: Settings, *, serving: bool) -> AsyncIterator[str]:
    """The operator's database, or the embedded one."""
    if settings.database_url is None:
        run = embedded.serve if serving else embedded.borrow
        async with run(settings.data_dir, settings.embedded_user) as dsn:
            yield dsn
    elif await database.answers(settings.database_url):
        yield settings.database_url
    else:
        raise CannotStart("the database at --database-url does not answer")


def _connections(settings: Settings, dsn: str, size: int) -> Database:
    return Database(
        dsn,
        size=size,
        wait=settings.pool_wait,
        statement_timeout=settings.statement_timeout,
    )


def _permissions(settings: Settings) -> PermissionRegistry:
    """What may be permitted, which has to fit into a map."""
    known = permissions.load(settings.permissions)
    if len(known.permissions) > settings.permission_limit:
        raise CannotStart("there are more permissions than --permission-limit allows in a map")
    return known


async def _claim_key(settings: Settings, sql: Statements, tokens: Format) -> None:
    """Refuse to start with keys the stored digests were not made with: no token would work."""
    ids = [key.id for key in tokens.keys]
    with database.at_start():
        claimed = await sql.row("_service/claim_key", {"current": ids[0], "all_keys": ids})
    if claimed is None:
        source = "API_TOKENS_KEY" if settings.key else f"the key file {settings.keys_path()}"
        raise CannotStart(f"{source} does not have the key this database's tokens were made with")


def _format(settings: Settings) -> Format:
    """How tokens are spelled and kept."""
    keys = key_file.load(settings.keys_path(), settings.key)
    return Format(_prefix(settings), keys, recovery_of(settings))


def recovery_of(settings: Settings) -> Recovery:
    """What keeps sealed copies of secrets, if the operator wants any.

    Raises:
        CannotStart: the file of its keys cannot be used.
    """
    path = settings.recovery_key_file
    return Recovery(key_file.read(path) if path else ())


async def _tell_of_copies(sql: Statements) -> None:
    """Say that there are sealed copies which nobody seems to want any more."""
    with database.at_start():
        if await sql.row("_service/any_sealed", {}) is not None:
            log.warning(
                "sealed copies of secrets are kept, and there is no --recovery-key-file:"
                " `api-tokens recovery status` counts them, `recovery purge` deletes them"
            )


def _prefix(settings: Settings) -> str:
    if not PREFIX.fullmatch(settings.token_prefix):
        raise CannotStart(f"--token-prefix must match {PREFIX.pattern}")
    if settings.token_prefix == SESSION_PREFIX:
        raise CannotStart(f"--token-prefix must not be {SESSION_PREFIX}: sessions bear it")
    return settings.token_prefix
