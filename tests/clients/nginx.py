"""A real nginx, configured as the reference says, before an upstream that tells what it got."""

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from aiohttp import ClientSession, UnixConnector, web

from app import docs
from tests.examples import REGISTRY
from tests.support import until

URL: Final = "http://tokens.example"
SECRET: Final = "the secret of --gateway-token"
_REFERENCE: Final = docs.markdown(REGISTRY, "1.2.3", URL)
# One process, which needs no user of its own; what it keeps is in the folder.
_NGINX: Final = """\
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen unix:{folder}/nginx;
        {locations}
    }}
}}
"""


def configuration(folder: str, service: str, secret: str) -> str:
    """The file that nginx reads, with the locations that the reference has."""
    [locations] = re.findall(r"^```nginx\n(.*?)^```", _REFERENCE, re.MULTILINE | re.DOTALL)
    for shown, real in (
        (URL, service),
        (SECRET, secret),
        ("http://127.0.0.1:9000", f"http://unix:{folder}/upstream"),
    ):
        assert shown in locations
        locations = locations.replace(shown, real)
    return _NGINX.format(folder=folder, locations=locations)


@asynccontextmanager
async def upstream(folder: str) -> AsyncIterator[None]:
    """Tells its callers which headers reached it, and what body."""

    async def tell(request: web.Request) -> web.Response:
        return web.json_response({**request.headers, "body": await request.text()})

    app = web.Application()
    app.router.add_route("*", "/orders/{rest:.*}", tell)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.UnixSite(runner, f"{folder}/upstream").start()
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running_nginx(service: str, secret: str) -> AsyncIterator[ClientSession]:
    """A client of nginx, which asks the service and shows it this secret."""
    if shutil.which("nginx") is None and not os.environ.get("CI"):
        pytest.skip("nginx is not installed")
    with tempfile.TemporaryDirectory() as folder:  # a socket's path must be short
        file = Path(folder, "nginx.conf")
        file.write_text(configuration(folder, service, secret), "utf-8")
        async with upstream(folder), started(folder, file):
            connector = UnixConnector(f"{folder}/nginx")
            async with ClientSession("http://orders.example", connector=connector) as client:
                yield client


@asynccontextmanager
async def started(folder: str, file: Path) -> AsyncIterator[None]:
    """A process of it, until the block ends."""
    process = await asyncio.create_subprocess_exec("nginx", "-p", folder, "-c", str(file))
    try:

        async def listens() -> bool:
            assert process.returncode is None, "nginx did not start"
            return Path(folder, "nginx").exists()

        await until(listens)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
