"""What every test stands on: a real PostgreSQL, a database of one's own, services, a server."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app import embedded, migrations
from app.config import Settings
from app.key_file import new_key
from app.services import Services, open_services
from tests.settled import Settling
from tests.support import (
    KEY,
    Api,
    Server,
    database_of,
    first_token,
    made_database,
    make_member,
    running_server,
)

MemberMaker = Callable[..., Awaitable[Api]]
ServicesMaker = Callable[..., Awaitable[Services]]


@pytest.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A PostgreSQL server where databases may be made: the embedded one unless another is named."""
    external = os.environ.get("API_TOKENS_TEST_DATABASE_URL")
    if external:
        yield external
        return
    async with embedded.serve(tmp_path_factory.mktemp("postgres"), "nobody") as dsn:
        connection = await asyncpg.connect(dsn)
        # Nothing here outlives the run: waiting for disks would only cost time.
        await connection.execute("alter system set fsync = off")
        await connection.execute("select pg_reload_conf()")
        await connection.close()
        yield dsn


@pytest.fixture(scope="session")
async def template(postgres: str) -> AsyncIterator[str]:
    """The name of a migrated database to clone."""
    async with made_database(postgres) as name:
        await migrations.apply(database_of(postgres, name), migrations.load())
        yield name


@pytest.fixture
async def empty_database(postgres: str) -> AsyncIterator[str]:
    """The URL of a database with nothing in it."""
    async with made_database(postgres) as name:
        yield database_of(postgres, name)


@pytest.fixture
async def database_url(postgres: str, template: str) -> AsyncIterator[str]:
    """The URL of a migrated database of the test's own."""
    async with made_database(postgres, template) as name:
        yield database_of(postgres, name)


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to the test's database, to look and act behind the service's back.

    What is executed on it every process has heard of when that returns.
    """
    connection = await asyncpg.connect(database_url, connection_class=Settling)
    yield connection
    await connection.close()


@pytest.fixture
async def unsettled(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """As `sql`, where not every process can hear."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a service on the test's database."""
    return settings_for(database_url, tmp_path / "data")


def settings_for(database_url: str, data_dir: Path, **given: Any) -> Settings:
    """Settings under which nothing takes longer than a test needs, and those given."""
    quick = {
        "database_connections": 4,
        "password_memory": 32,
        "port": 0,
        "seal_interval": 86_400,
        "usage_interval": 3_600,
    }
    return Settings(data_dir=data_dir, database_url=database_url, key=KEY, **(quick | given))


@pytest.fixture(scope="module")
async def shared_services(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServicesMaker]:
    """Opens services under the settings given, which all tests of a file may share."""
    async with AsyncExitStack() as stack:

        async def make(**given: Any) -> Services:
            name = await stack.enter_async_context(made_database(postgres, template))
            data_dir = tmp_path_factory.mktemp("data")
            settings = settings_for(database_of(postgres, name), data_dir, **given)
            return await stack.enter_async_context(open_services(settings, serving=True))

        yield make


@pytest.fixture
async def services(settings: Settings) -> AsyncIterator[Services]:
    """The service without a wire."""
    async with open_services(settings, serving=True) as opened:
        yield opened


@pytest.fixture
async def root(services: Services) -> Api:
    """The root user's first token, which holds every permission."""
    return Api(services, await first_token(services))


@pytest.fixture
async def keeper(settings: Settings, tmp_path: Path) -> AsyncIterator[Api]:
    """The root user's first token, of a service that keeps sealed copies of secrets."""
    key_file = tmp_path / "recovery"
    key_file.write_text(new_key())
    given = replace(settings, recovery_key_file=key_file)
    async with open_services(given, serving=True) as services:
        yield Api(services, await first_token(services))


@pytest.fixture
async def member(root: Api) -> MemberMaker:
    """Makes users and answers an API that calls with a token of theirs.

    `permissions` names exactly what the user holds (default: the default ones); `token` is the
    token's own permission map (default: all the user holds).
    """

    async def make(
        name: str, permissions: list[str] | None = None, token: dict[str, bool] | None = None
    ) -> Api:
        return await make_member(root, name, permissions, token)

    return make


@pytest.fixture(scope="session")
async def server(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """A server process on a database of its own, shared by the tests of real clients."""
    data_dir = str(tmp_path_factory.mktemp("server"))
    async with made_database(postgres, template) as name:
        options = ["--data-dir", data_dir, "--database-url", database_of(postgres, name)]
        async with running_server(*options) as started:
            yield started
