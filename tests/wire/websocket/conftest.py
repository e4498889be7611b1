"""The service over HTTP, and clients that come to it; nothing of them may be left afterwards."""

from collections.abc import AsyncIterator

import pytest

from app.services import Services
from tests.conftest import ServicesMaker
from tests.support import Api, first_token
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
async def shared(shared_services: ServicesMaker) -> Api:
    """The root user's first token, on a service that the tests of one file share."""
    services = await shared_services()
    return Api(services, await first_token(services))


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
