"""The service over HTTP, and clients that come to it; nothing of them may be left afterwards."""

from collections.abc import AsyncIterator

import pytest

from app.config import Settings
from app.services import Services, open_services
from tests.support import KEY, Api, database_of, first_token, made_database
from tests.wire.websocket.support import Connect, Place, connecting, opened


@pytest.fixture
async def place(services: Services) -> AsyncIterator[Place]:
    """Where the test's own service is."""
    async with opened(services) as found:
        yield found


@pytest.fixture
async def connect(place: Place, root: Api) -> AsyncIterator[Connect]:
    """Opens clients of the test's own service."""
    async with connecting(place) as connect:
        yield connect


@pytest.fixture(scope="module")
async def shared(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    """The root user's first token, on a service that the tests of one file share."""
    async with made_database(postgres, template) as name:
        settings = Settings(
            data_dir=tmp_path_factory.mktemp("data"),
            database_url=database_of(postgres, name),
            key=KEY,
            password_memory=32,
            seal_interval=86_400,
        )
        async with open_services(settings, serving=True) as services:
            yield Api(services, await first_token(services))


@pytest.fixture(scope="module")
async def shared_place(shared: Api) -> AsyncIterator[Place]:
    """Where the shared service is."""
    async with opened(shared.services) as found:
        yield found


@pytest.fixture
async def shared_connect(shared_place: Place) -> AsyncIterator[Connect]:
    """Opens clients of the shared service."""
    async with connecting(shared_place) as connect:
        yield connect
