"""Load over HTTP, made by Debian's `wrk`: one thread, calls that stand in a file."""

import asyncio
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson

CONNECTIONS: Final = 32
# What is sent is made before the time runs: then it costs the generator next to nothing.
SCRIPT: Final = """
local requests, at = {}, 0

function init(args)
   local path, token, first, count = args[1], args[2], tonumber(args[3]), tonumber(args[4])
   local headers = {["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. token}
   local file = assert(io.open(path))
   local width = #file:read("*line") + 1
   file:seek("set", first * width)
   for number = 1, count do
      requests[number] = wrk.format("POST", nil, headers, assert(file:read("*line")))
   end
end

function request()
   at = at % #requests + 1
   return requests[at]
end

function done(summary, latency)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   io.write(string.format(
      '\\n{"calls": %d, "seconds": %.6f, "bytes": %d, "failed": %d, "p50": %.6f, "p99": %.6f}\\n',
      summary.requests, summary.duration / 1e6, summary.bytes, failed,
      latency:percentile(50) / 1e6, latency:percentile(99) / 1e6))
end
"""


@dataclass(frozen=True, slots=True)
class Bodies:
    """Bodies of calls, one a line of a file, all equally long: so many from the first on."""

    file: Path
    first: int = 0
    count: int = 1


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a load: calls in so many seconds, their latency, and how busy wrk was."""

    calls: int
    seconds: float
    bytes: int
    failed: int
    p50: float
    p99: float
    busy: float

    @property
    def rate(self) -> float:
        """Calls per second."""
        return self.calls / self.seconds

    @property
    def size(self) -> float:
        """Bytes of an answer, with its headers."""
        return self.bytes / max(1, self.calls)


async def load(
    url: str, token: str, bodies: Bodies, seconds: float, connections: int = CONNECTIONS
) -> Load:
    """What comes of this token's calls, over so many connections for so many seconds."""
    with TemporaryDirectory() as folder:
        script = Path(folder) / "calls.lua"
        script.write_text(SCRIPT)
        command = ("wrk", "-t1", f"-c{connections}", f"-d{round(seconds)}", "-s", str(script), url)
        given = ("--", str(bodies.file), token, str(bodies.first), str(bodies.count))
        return await _run(*command, *given)


async def _run(*command: str) -> Load:
    began, used = time.perf_counter(), _children_seconds()
    wrk = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await wrk.communicate()
    assert wrk.returncode == 0, out
    told: dict[str, Any] = orjson.loads(out.splitlines()[-1])
    busy = (_children_seconds() - used) / (time.perf_counter() - began)
    return Load(**told, busy=busy)


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
