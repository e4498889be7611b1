"""A database that the tests of one file share: for tables of values that change nothing there."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.config import Settings
from app.services import open_services
from tests.methods.support import Sql
from tests.support import KEY, Api, database_of, first_token, made_database


@pytest.fixture(scope="module")
async def shared_url(postgres: str, template: str) -> AsyncIterator[str]:
    """The URL of a migrated database of the file's own."""
    async with made_database(postgres, template) as name:
        yield database_of(postgres, name)


@pytest.fixture(scope="module")
async def shared_sql(shared_url: str) -> AsyncIterator[Sql]:
    """A plain connection to the file's database."""
    connection = await asyncpg.connect(shared_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def shared(shared_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """The root user's first token on the file's database."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("data"),
        database_url=shared_url,
        key=KEY,
        database_connections=4,
        password_memory=32,
        seal_interval=86_400,
    )
    async with open_services(settings, serving=True) as services:
        yield Api(services, await first_token(services))
