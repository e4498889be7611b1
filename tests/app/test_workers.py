"""`api-tokens serve --workers N`: several processes that are one service."""

import asyncio
import os
import pickle
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import psutil
import pytest
from yarl import URL

from app.config import Settings
from app.workers.job import Job, Report
from tests.app.workers import (
    all_ended,
    connected,
    connected_to_all,
    supervisor_of,
    workers_of,
)
from tests.support import (
    ROOT,
    Server,
    database_of,
    made_database,
    output,
    program,
    running_server,
    until,
)

WORKERS: Final = 3
READ: Final = "/v1/api-tokens/read"
UPDATE: Final = "/v1/api-tokens/update-permissions"
# From what gunicorn would take its settings if it were let.
GUNICORN: Final = {"GUNICORN_CMD_ARGS": "--workers 7 --bind 127.0.0.1:1", "WEB_CONCURRENCY": "7"}


@pytest.fixture(scope="module")
async def shared_url(postgres: str, template: str) -> AsyncIterator[str]:
    """The URL of the database that the tests of this file share."""
    async with made_database(postgres, template) as name:
        yield database_of(postgres, name)


@pytest.fixture(scope="module")
async def server(
    shared_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """A service of three processes, of which tests may end some."""
    data_dir = str(tmp_path_factory.mktemp("data"))
    options = ["--data-dir", data_dir, "--database-url", shared_url, "--workers", str(WORKERS)]
    many = ["--database-connections", "96"]
    async with running_server(*options, *many, environment=GUNICORN) as started:
        yield started


async def test_tells_of_a_database_with_too_few_connections(server: Server) -> None:
    """An operator reads at the start what would be refused under load."""
    assert re.search(r" connections, and 3 workers may want 300: raise its max_", server.said())


async def test_every_worker_answers(server: Server) -> None:
    """There are as many as were asked for, at one address, whatever the environment says."""
    async with connected_to_all(server) as lines:
        assert len(lines) == WORKERS


async def test_a_change_made_by_one_holds_for_all(server: Server) -> None:
    """A token disabled through one worker is refused by every other, as soon as that is told."""
    async with connected_to_all(server) as lines:
        first, *_ = lines.values()
        options = {"permissions": {"read": True}}
        _, answer = await first.answer("/v1/api-tokens/create", "one", options)
        made = answer["result"]["data"]
        for line in lines.values():
            assert await line.status(READ, token=made["token"]) == 200
        assert await first.status("/v1/api-tokens/set-enabled", made["id"], False) == 200
        for line in lines.values():
            assert await line.status(READ, token=made["token"]) == 403


async def test_a_killed_worker_disturbs_its_own_connections_alone(server: Server) -> None:
    """Calls on other connections and new ones are answered all the time, and another follows."""
    async with connected_to_all(server) as lines:
        killed, *others = lines
        killed.kill()
        while killed in workers_of(server) or len(workers_of(server)) < WORKERS:
            for other in others:
                assert await lines[other].status(READ) == 200
            async with connected(server) as line:
                assert await line.status(READ) == 200
    async with connected_to_all(server) as lines:
        assert killed not in lines
        assert len(lines) == WORKERS


async def test_a_frozen_worker_holds_up_nobody(server: Server) -> None:
    """Connections that the kernel gives to a worker that does nothing are taken by another."""
    frozen, *_ = workers_of(server)
    frozen.suspend()
    try:
        for _ in range(4 * WORKERS):
            async with asyncio.timeout(5), connected(server) as line:
                assert await line.status(READ) == 200
                assert not line.ends_at(frozen)
    finally:
        frozen.resume()


async def test_shares_its_port_with_no_other_service(
    server: Server, shared_url: str, tmp_path: Path
) -> None:
    """Its workers share a port, which would let those of another service in, too: it is refused."""
    port = str(URL(server.url).port)
    options = ["--data-dir", str(tmp_path), "--database-url", shared_url, "--workers", "2"]
    code, out, errors = await output("serve", "--port", port, *options)
    assert (code, out) == (1, "")
    assert f"api-tokens: cannot listen on 127.0.0.1:{port}: " in errors


async def test_a_worker_that_cannot_start_tries_again(
    server: Server, shared_url: str, postgres: str
) -> None:
    """While the database lets nobody in a new worker says so, and waits for better times."""
    name = URL(shared_url).path.removeprefix("/")
    sql = await asyncpg.connect(postgres)
    await sql.execute(f"alter database {name} allow_connections false")
    workers_of(server)[0].kill()

    async def is_told() -> bool:
        return "cannot start: the database refuses the connection" in server.said()

    await until(is_told)
    await sql.execute(f"alter database {name} allow_connections true")
    await sql.close()
    async with connected_to_all(server) as lines:
        assert len(lines) == WORKERS


async def test_a_terminal_reaches_the_parent_alone(server: Server) -> None:
    """Ctrl-C goes to whoever can end everything in order."""
    parent = os.getsid(server.process.pid)
    assert parent not in {os.getsid(worker.pid) for worker in workers_of(server)}
    assert os.getsid(supervisor_of(server).pid) != parent


async def test_other_signals_change_nothing(server: Server) -> None:
    """The signals by which gunicorn is told to do other things are without effect."""
    supervisor, before = supervisor_of(server), workers_of(server)
    for name in ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGTTIN", "SIGTTOU"):
        supervisor.send_signal(getattr(signal, name))
        for worker in before:
            worker.send_signal(getattr(signal, name))
    async with connected(server) as line:
        assert await line.status(READ) == 200
    assert workers_of(server) == before


async def test_one_worker_is_the_process_itself(database_url: str, tmp_path: Path) -> None:
    """Without --workers there is no supervisor, and no child but an embedded database."""
    options = ["--data-dir", str(tmp_path), "--database-url", database_url]
    async with running_server(*options) as server:
        assert psutil.Process(server.process.pid).children() == []


async def test_finishes_what_is_in_flight(
    database_url: str, tmp_path: Path, sql: "asyncpg.Connection[Any]"
) -> None:
    """A call that began before the signal is answered; then every process ends. Once is enough."""
    options = ["--data-dir", str(tmp_path), "--database-url", database_url, "--workers", "2"]
    async with running_server(*options) as server, connected(server) as line:
        processes = psutil.Process(server.process.pid).children(recursive=True)
        token_id = str(await sql.fetchval("select id from api_tokens"))
        locked = sql.transaction()
        await locked.start()
        await sql.execute("select from api_tokens for update")
        call = asyncio.ensure_future(line.status(UPDATE, token_id, {"read": True}))
        await until(lambda: sql.fetchval("select count(*) > 0 from pg_locks where not granted"))
        server.process.send_signal(signal.SIGINT)
        await until(lambda: refuses_connections(server))
        server.process.send_signal(signal.SIGTERM)
        await locked.rollback()
        assert await call == 200
        assert await server.process.wait() == 0
        assert await all_ended(processes)


async def refuses_connections(server: Server) -> bool:
    """Whether nobody accepts connections any more."""
    try:
        async with connected(server):
            return False
    except ConnectionError:
        return True


async def test_the_embedded_database_is_for_all(tmp_path: Path) -> None:
    """It is started once, with room for the connections of each; the first start shows a token.

    And nobody outlives the process that a person has started, even if that is killed.
    """
    options = ["--data-dir", str(tmp_path), "--workers", "2", "--database-connections", "60"]
    async with running_server(*options) as server, connected_to_all(server) as lines:
        assert len(lines) == 2
        processes = psutil.Process(server.process.pid).children(recursive=True)
        assert "-cmax_connections=168" in processes[0].cmdline()
        assert len(re.findall(r"^ +(?:token|password) ", server.said(), re.MULTILINE)) == 2
        assert "max_connections" not in server.said()
        server.process.kill()
        await until(lambda: all_ended(processes))


async def test_a_killed_supervisor_ends_everything(database_url: str, tmp_path: Path) -> None:
    """Without anybody to look after the workers the service ends, and says why."""
    options = ["--data-dir", str(tmp_path), "--database-url", database_url, "--workers", "2"]
    process = await program("serve", "--port", "0", *options)
    assert process.stdout
    assert (await process.stdout.readline()).startswith(b"api-tokens ready on ")
    processes = psutil.Process(process.pid).children(recursive=True)
    processes[0].kill()
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.splitlines()[-1] == b"api-tokens: the supervisor of the workers has ended"
    assert await all_ended(processes)


async def test_a_frozen_worker_is_replaced(settings: Settings) -> None:
    """Who gives no sign of life is killed, and another takes the place."""
    start = "from app.workers import supervisor as s; s.SILENCE = 2; s.main()"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        job = Job(os.getpid(), [[listener.fileno()]], settings)
        supervisor = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", start),
            cwd=ROOT,
            stdin=PIPE,
            stdout=PIPE,
            pass_fds=job.sockets[0],
        )
    assert supervisor.stdin
    assert supervisor.stdout
    supervisor.stdin.write(pickle.dumps(job))
    frozen = Report.of(await supervisor.stdout.readline())
    psutil.Process(frozen.pid).suspend()
    assert Report.of(await supervisor.stdout.readline()).pid != frozen.pid
    supervisor.terminate()
    assert await supervisor.stdout.read() == b""
    assert await supervisor.wait() == 0
