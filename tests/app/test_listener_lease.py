"""The lease: until when what was read of the database may be used, and how it is kept up."""

import math
from collections.abc import AsyncIterator

import pytest

from app.listener import ear, listening, now, processes
from tests.app.listening import (
    Proxy,
    Recorder,
    attempts,
    backends,
    hears,
    notify,
    proxied,
    recorder,
)
from tests.methods.support import Sql
from tests.support import until


@pytest.fixture
async def sql(unsettled: Sql) -> Sql:
    """A connection that waits for nobody."""
    return unsettled


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A way to the test's database that may fail."""
    async with proxied(database_url) as found:
        yield found


async def test_has_no_lease_while_it_is_deaf(proxy: tuple[Proxy, str]) -> None:
    """From the moment it knows until all have been told that they may have missed something."""
    gate, url = proxy
    leases = []

    class Curious(Recorder):
        """Looks whether what it knows might be used just when it is told that it may be wrong."""

        def missed(self) -> None:
            super().missed()
            leases.append(listener.lease)

    async with listening(url) as listener:
        told = Curious()
        listener.subscribers.append(told)
        assert now() < listener.lease
        gate.refuses = True
        gate.cut()
        await attempts(gate, 1)
        assert listener.lease == -math.inf
        gate.refuses = False
        await told.until_missed()
        assert leases == [-math.inf]
        assert now() < listener.lease <= now() + processes.LEASE


async def test_a_lease_runs_from_before_the_beat(
    proxy: tuple[Proxy, str], sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the answer takes: what was committed since then may not have been heard."""
    monkeypatch.setattr(processes, "BEAT", 0.05)
    _, url = proxy
    async with listening(url) as listener:
        async with sql.transaction():
            await sql.execute("lock table processes")
            [pid] = await backends(sql)
            query = "select wait_event = 'relation' from pg_stat_activity where pid = $1"

            async def waits() -> bool:
                return bool(await sql.fetchval(query, pid))

            await until(waits)
            monkeypatch.setattr(processes, "BEAT", 30)  # no other after this one
            sent, before = now(), listener.lease

            async def has_waited() -> bool:
                return now() >= sent + 0.2

            await until(has_waited)
            assert listener.lease == before

        async def has_beaten() -> bool:
            return listener.lease > before

        await until(has_beaten)
        assert listener.lease <= sent + processes.LEASE


async def test_notices_a_silent_connection(
    proxy: tuple[Proxy, str], sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is still open and on which nothing comes any more is given up."""
    monkeypatch.setattr(processes, "BEAT", 0.1)
    monkeypatch.setattr(ear, "PATIENCE", 0.2)
    gate, url = proxy
    async with listening(url) as listener:
        told = recorder(listener)
        await hears(told, sql)
        gate.fall_silent()
        await notify(sql, "api_tokens", "update", "lost")
        await told.until_missed()
        await hears(told, sql)


async def test_a_quiet_connection_is_kept(
    proxy: tuple[Proxy, str], sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One on which nothing happens beats, and has its lease anew each time."""
    monkeypatch.setattr(processes, "BEAT", 0.05)
    gate, url = proxy
    async with listening(url) as listener:
        told = recorder(listener)
        before, lease = await backends(sql), listener.lease

        async def has_beaten() -> bool:
            return listener.lease >= lease + 0.15

        await until(has_beaten)
        await hears(told, sql)
        assert (await backends(sql), told.times_missed) == (before, 0)
    assert len(gate.attempts) == 1
