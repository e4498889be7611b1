"""`api-tokens serve` as a process: how it starts, what stops it from starting, how it ends."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.support import KEY, Server, output, running_server, until

READ = "/v1/api-tokens/read"


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A plain HTTP client."""
    async with aiohttp.ClientSession() as session:
        yield session


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def postgres_pid(data_dir: Path) -> int:
    """The process of the embedded database."""
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


async def gone(pid: int) -> bool:
    """Whether a process is no more."""
    return not Path(f"/proc/{pid}").exists()


async def status(http: aiohttp.ClientSession, server: Server, token: str) -> int:
    """The HTTP status a call gets just now."""
    async with http.get(server.url + READ, headers=bearer(token)) as response:
        await response.read()
        return response.status


async def until_status(
    http: aiohttp.ClientSession, server: Server, token: str, wanted: int
) -> None:
    """Call until the answer has the wanted status; every other is a refusal that says "later"."""

    async def holds() -> bool:
        found = await status(http, server, token)
        assert found in {200, 503}
        return found == wanted

    await until(holds)


async def test_a_restart_keeps_everything(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    """The first token still works after a restart, which shows none."""
    data_dir = str(tmp_path / "data")
    async with running_server("--data-dir", data_dir) as server:
        token = server.root_token
    async with running_server("--data-dir", data_dir) as server:
        assert await status(http, server, token) == 200
        assert "apt_" not in server.said()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_well(tmp_path: Path, number: signal.Signals) -> None:
    """After a signal the service ends with status 0 and its database is gone."""
    data_dir = tmp_path / "data"
    async with running_server("--data-dir", str(data_dir)) as server:
        database = postgres_pid(data_dir)
        server.process.send_signal(number)
        await server.process.wait()
    assert await gone(database)


async def test_a_killed_service_takes_its_database_along(tmp_path: Path) -> None:
    """Nothing of the embedded database outlives a service that was killed; the next start works."""
    data_dir = tmp_path / "data"
    async with running_server("--data-dir", str(data_dir)) as server:
        database = postgres_pid(data_dir)
        server.process.kill()
    await until(lambda: gone(database))
    async with running_server("--data-dir", str(data_dir)):
        pass


async def test_finishes_what_is_in_flight(
    database_url: str, tmp_path: Path, http: aiohttp.ClientSession, sql: "asyncpg.Connection[Any]"
) -> None:
    """A call that began before the signal is answered; the service then ends."""
    options = ["--data-dir", str(tmp_path), "--database-url", database_url]
    async with running_server(*options) as server:
        headers = bearer(server.root_token)
        token_id = str(await sql.fetchval("select id from api_tokens"))
        locked = sql.transaction()
        await locked.start()
        await sql.execute("select from api_tokens for update")
        call = asyncio.ensure_future(
            http.post(
                f"{server.url}/v1/api-tokens/update-permissions",
                json=[token_id, {"read": True}],
                headers=headers,
            )
        )
        await until(lambda: sql.fetchval("select count(*) > 0 from pg_locks where not granted"))
        server.process.terminate()
        await until(lambda: refuses_connections(server.url))
        await locked.rollback()
        assert (await call).status == 200


async def refuses_connections(url: str) -> bool:
    """Whether the service accepts no more connections."""
    host, port = url.removeprefix("http://").split(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except ConnectionError:
        return True
    writer.close()
    return False


async def test_says_so_while_the_database_is_down(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """With its database gone the service answers 503, and comes back by itself."""
    data_dir = tmp_path / "data"
    async with running_server("--data-dir", str(data_dir)) as server:
        token = server.root_token
        await until_status(http, server, token, 200)
        os.kill(postgres_pid(data_dir), signal.SIGKILL)
        await until_status(http, server, token, 503)
        async with http.get(f"{server.url}/health") as response:
            assert response.status == 200
        await until_status(http, server, token, 200)
        async with http.get(f"{server.url}/ready") as response:
            assert response.status == 200


async def refused_start(*options: str) -> str:
    """The one line with which a start is refused."""
    code, out, errors = await output("serve", "--port", "0", *options)
    assert (code, out) == (1, "")
    [line] = [line for line in errors.splitlines() if " INFO " not in line]
    assert line.startswith("api-tokens: ")
    return line


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_refuses_a_port_that_is_taken(
    database_url: str, tmp_path: Path, workers: str
) -> None:
    """A port in use is named, and the exit status is not zero."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        options = ["--data-dir", str(tmp_path), "--database-url", database_url]
        line = await refused_start("--port", port, "--workers", workers, *options)
        assert f"127.0.0.1:{port}" in line


async def test_refuses_a_second_service(tmp_path: Path) -> None:
    """Two services cannot share a data directory."""
    async with running_server("--data-dir", str(tmp_path)) as server:
        line = await refused_start("--data-dir", str(tmp_path))
        assert f"another api-tokens service (pid {server.process.pid})" in line


async def test_refuses_a_data_directory_it_cannot_write(tmp_path: Path) -> None:
    """A data directory that cannot be made is named."""
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in await refused_start("--data-dir", str(tmp_path / "file"))


@pytest.mark.parametrize("text", ["", "too short", "\x00\xff"])
async def test_refuses_an_unusable_key_file(database_url: str, tmp_path: Path, text: str) -> None:
    """A key file with no usable key is named."""
    (tmp_path / "key").write_text(text, "latin-1")
    options = ["--data-dir", str(tmp_path), "--database-url", database_url]
    assert str(tmp_path / "key") in await refused_start(*options)


async def test_refuses_a_changed_key_file(database_url: str, tmp_path: Path) -> None:
    """With another key than the tokens were made with no token would work: it does not start."""
    options = ["--data-dir", str(tmp_path), "--database-url", database_url]
    async with running_server(*options):
        pass
    (tmp_path / "key").write_text(KEY)
    assert f"the key file {tmp_path / 'key'} does not have the key" in await refused_start(*options)


async def test_a_retired_key_still_serves(
    database_url: str, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """A new key above the old one is for new tokens; the old ones go on working."""
    options = ["--data-dir", str(tmp_path), "--database-url", database_url]
    async with running_server(*options) as server:
        token = server.root_token
    key = tmp_path / "key"
    key.write_text(f"{KEY}\n{key.read_text()}")
    async with running_server(*options) as server:
        assert await status(http, server, token) == 200


async def test_refuses_a_newer_database(
    database_url: str, tmp_path: Path, sql: "asyncpg.Connection[Any]"
) -> None:
    """A database that a newer version has migrated is not touched."""
    await sql.execute("insert into schema_migrations values (999, '999_future', 'x')")
    options = ["--data-dir", str(tmp_path), "--database-url", database_url]
    assert "newer api-tokens" in await refused_start(*options)


@pytest.mark.parametrize(
    "url", ["postgresql://nobody@127.0.0.1:1/x", "nonsense", "postgresql://[", ""]
)
async def test_refuses_a_database_out_of_reach(tmp_path: Path, url: str) -> None:
    """A database URL that leads nowhere is refused, without showing what may be secret in it."""
    assert "database" in await refused_start("--data-dir", str(tmp_path), "--database-url", url)


async def test_refuses_a_bad_permission_file(database_url: str, tmp_path: Path) -> None:
    """A permission file is refused with its name and the key."""
    path = tmp_path / "permissions.toml"
    path.write_text('[permissions.root]\ntitle = "No"\n')
    options = ["--data-dir", str(tmp_path), "--database-url", database_url]
    line = await refused_start("--permissions", str(path), *options)
    assert f"{path}: permissions.root" in line


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_refuses_a_bad_list_of_gateways(
    database_url: str, tmp_path: Path, workers: str
) -> None:
    """Who would be believed nothing, or by mistake, is refused before it listens."""
    options = ["--data-dir", str(tmp_path), "--database-url", database_url, "--workers", workers]
    line = await refused_start("--trusted-proxies", "10.0.0.0/8,nonsense", *options)
    assert "--trusted-proxies: 'nonsense'" in line


@pytest.mark.parametrize("prefix", ["", "UPPER", "a b", "x" * 17, "session"])
async def test_refuses_a_bad_prefix(tmp_path: Path, prefix: str) -> None:
    """A token prefix that would not survive a double click, or is a session's, is refused."""
    line = await refused_start("--data-dir", str(tmp_path), "--token-prefix", prefix)
    assert "--token-prefix" in line
