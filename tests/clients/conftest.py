"""What the tests of clients share: servers that come and go, scripts, a browser."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.browser import browser, page
from tests.clients.javascript import Script, run
from tests.clients.service import Service
from tests.support import database_of, made_database

__all__ = ["browser", "page"]

# Above the lines of a test: a client by WebSocket, one by HTTP beside it, and what the first sends.
LIVE: Final = """
    const sent = [];
    WebSocket.prototype.send = new Proxy(WebSocket.prototype.send, {
        apply(send, socket, [text]) { sent.push(JSON.parse(text)); send.call(socket, text); },
    });
    const http = new Api(url, { token });
    const api = new Api(`${url}/api/`, { token, persistent: true });
    const next = name => new Promise(resolve => api.once(name, (...told) => resolve(told)));
"""


@pytest.fixture(scope="module")
async def service(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    """A server that the tests of a file share, and may end and start."""
    async with made_database(postgres, template) as name:
        data_dir = str(tmp_path_factory.mktemp("service"))
        service = Service(database_of(postgres, name), data_dir)
        await service.start()
        yield service
        await service.close()


@pytest.fixture
async def live(service: Service) -> Script:
    """Runs lines of JavaScript with a client by WebSocket, `api`; answers what they return."""
    await service.start()

    async def live(code: str) -> Any:
        return await run(service.url, service.token, LIVE + code, service.outside)

    return live
