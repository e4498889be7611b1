"""`api-tokens user …` beyond `create` and `list`, as a person or a script uses it."""

import asyncio
import os
import pty
import re
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import asyncpg
import pytest

from app.config import Settings
from app.services import open_services
from tests.support import ROOT, Api

PASSWORD: Final = "correct horse battery"
Command = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """As for all commands; and hashing takes little."""
    return {**environment, "API_TOKENS_PASSWORD_MEMORY": "32"}


async def start(
    environment: dict[str, str], stdin: int, *arguments: str
) -> asyncio.subprocess.Process:
    """A command with a standard input, away from the terminal that the tests run in."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", *arguments),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


@pytest.fixture
def command(environment: dict[str, str]) -> Command:
    """Runs a command, with what a script writes to its standard input."""

    async def command(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
        process = await start(environment, asyncio.subprocess.PIPE, *arguments)
        out, errors = await process.communicate(stdin)
        assert process.returncode is not None
        return process.returncode, out.decode(), errors.decode()

    return command


async def shown(run: Any, name: str) -> str:
    """A user's line of `user list`, without id and date."""
    listed = await run("user", "list")
    [line] = re.findall(rf"^\S{{36}} +{name} +(.*) +\d{{4}}-", listed, re.MULTILINE)
    return " ".join(line.split())


@pytest.fixture
async def alice(run: Any) -> str:
    """The name of a user."""
    await run("user", "create", "alice")
    return "alice"


@pytest.fixture
def signs_in(settings: Settings) -> Callable[[str, str], Awaitable[bool]]:
    """Tells whether a password is right."""

    async def signs_in(name: str, password: str) -> bool:
        async with open_services(settings, serving=True) as services:
            result = await Api(services, None).result("session/sign-in", name, password)
        return not hasattr(result, "code")

    return signs_in


# set-password


@pytest.mark.parametrize("end", [b"\n", b"", b"\r\n", b"\nsomething else\n"])
async def test_set_password_takes_the_first_line(
    command: Command, alice: str, signs_in: Any, end: bytes
) -> None:
    """A script writes the password to standard input; nothing else of it counts."""
    given = await command("user", "set-password", alice, stdin=PASSWORD.encode() + end)
    assert given == (0, "", "")
    assert await signs_in(alice, PASSWORD)


async def test_set_password_takes_any_utf8(command: Command, alice: str, signs_in: Any) -> None:
    """Text is UTF-8 whatever the locale, and blanks around it count."""
    password = " 🔑 schlüssel "
    assert (await command("user", "set-password", alice, stdin=password.encode()))[0] == 0
    assert await signs_in(alice, password)
    assert not await signs_in(alice, password.strip())


@pytest.mark.parametrize(
    ("stdin", "line"),
    [
        (b"", "must have at least 12 characters"),
        (b"\n" + PASSWORD.encode(), "must have at least 12 characters"),
        (b"abcd" * 10, "must have at least 5 different characters"),
        (PASSWORD.encode() * 50_000, "must have at most 1024 characters"),
        (PASSWORD.encode() + b"\xff", "without lone surrogates"),
        (PASSWORD.encode() + b"\0", "without NUL"),
    ],
)
async def test_set_password_says_what_is_wrong(
    command: Command, alice: str, stdin: bytes, line: str
) -> None:
    """A password that is none is refused in one line, which does not repeat it."""
    code, out, errors = await command("user", "set-password", alice, stdin=stdin)
    assert (code, out, errors.count("\n")) == (1, "", 1)
    assert errors.startswith("api-tokens: Arguments validation error: ")
    assert line in errors
    assert PASSWORD not in errors


async def typed(process: asyncio.subprocess.Process, terminal: int) -> None:
    """Answer what `set-password` asks for, at first not the same twice."""
    assert process.stderr
    for prompt, text in [
        (b"Password: ", PASSWORD),
        (b"confirmation: ", PASSWORD + "?"),
        (b"Password: ", PASSWORD),
        (b"confirmation: ", PASSWORD),
    ]:
        await process.stderr.readuntil(prompt)
        os.write(terminal, f"{text}\n".encode())
    assert await process.wait() == 0, await process.stderr.read()


async def test_set_password_asks_twice(
    environment: dict[str, str], alice: str, signs_in: Any
) -> None:
    """On a terminal the password is typed twice, again if the two differ, and never shown."""
    ours, theirs = pty.openpty()
    try:
        process = await start(environment, theirs, "user", "set-password", alice)
        os.close(theirs)
        async with asyncio.timeout(60):
            await typed(process, ours)
        assert process.stdout
        assert await process.stdout.read() == b""
        echo = b""
        with suppress(OSError):  # the other side has closed it
            echo = os.read(ours, 1000)
        assert PASSWORD.encode() not in echo
    finally:
        os.close(ours)
    assert await signs_in(alice, PASSWORD)


# enable, disable


async def test_disable_and_enable(run: Any, alice: str) -> None:
    """Both say nothing when it is done, and may be repeated."""
    for verb, enabled in [("disable", "no"), ("enable", "yes")]:
        for _ in range(2):
            assert await run("user", verb, alice) == ""
            assert await shown(run, alice) == f"no read write {enabled}"


async def test_disable_keeps_the_last_root(refused: Any) -> None:
    """Nobody locks everybody out by mistake."""
    line = "The last enabled root user cannot be disabled"
    assert await refused("user", "disable", "root") == line


# set-permissions


async def test_set_permissions_gives_exactly_these(run: Any, alice: str) -> None:
    """What is named is held, and nothing else, defaults included."""
    flags = ["--permission", "verify", "--permission", "read"]
    assert await run("user", "set-permissions", alice, *flags) == ""
    assert await shown(run, alice) == "no read verify yes"


async def test_set_permissions_goes_back_to_the_defaults(run: Any, alice: str) -> None:
    """Without names a user holds what a new one does."""
    await run("user", "set-permissions", alice, "--permission", "verify")
    assert await run("user", "set-permissions", alice) == ""
    assert await shown(run, alice) == "no read write yes"


@pytest.mark.parametrize(
    ("name", "permission", "line"),
    [
        ("alice", "fly", 'Permission "fly" is not valid'),
        ("alice", "*", 'Permission "*" is not valid'),
        ("root", "read", "Root holds every permission"),
    ],
)
async def test_set_permissions_says_what_is_wrong(
    refused: Any, alice: str, name: str, permission: str, line: str
) -> None:
    """A refusal is one line on stderr and a status that is not zero."""
    assert await refused("user", "set-permissions", name, "--permission", permission) == line


# delete


@pytest.mark.parametrize(("flags", "stdin"), [(["--yes"], b""), ([], b"y\n")])
async def test_delete_removes_the_user(
    command: Command,
    alice: str,
    sql: "asyncpg.Connection[Any]",
    flags: list[str],
    stdin: bytes,
) -> None:
    """A user is deleted when somebody has said that it is meant."""
    assert (await command("user", "delete", alice, *flags, stdin=stdin))[:2] == (0, "")
    assert await sql.fetchval("select count(*) from users where name = 'alice'") == 0


async def test_delete_asks_nothing_of_a_script(command: Command, alice: str) -> None:
    """With --yes not a word is said."""
    assert await command("user", "delete", alice, "--yes") == (0, "", "")


@pytest.mark.parametrize("stdin", [b"n\n", b"\n", b""])
async def test_delete_does_nothing_unless_told(
    command: Command, alice: str, sql: "asyncpg.Connection[Any]", stdin: bytes
) -> None:
    """No answer means no."""
    code, out, errors = await command("user", "delete", alice, stdin=stdin)
    assert (code, out) == (1, "")
    assert errors.startswith("Delete 'alice' with all their tokens? [y/N]:")
    assert await sql.fetchval("select count(*) from users where name = 'alice'") == 1


# Whom


@pytest.mark.parametrize(
    "arguments",
    [["set-password"], ["set-permissions"], ["enable"], ["disable"], ["delete", "--yes"]],
)
@pytest.mark.parametrize("name", ["x", "ali%", "Alice", ""])
async def test_names_are_exact(
    command: Command, alice: str, arguments: list[str], name: str
) -> None:
    """A name that is nobody's is told, and stands for nobody else's."""
    refused = await command("user", *arguments, name, stdin=PASSWORD.encode())
    assert refused == (1, "", f"api-tokens: there is no user {name!r}\n")


async def test_a_name_is_text(refused: Any) -> None:
    """Bytes that are no UTF-8 are nobody's name."""
    assert await refused("user", "enable", os.fsdecode(b"a\xff")) == "not valid text: name"


async def test_a_name_may_look_like_a_flag(run: Any, sql: "asyncpg.Connection[Any]") -> None:
    """After -- anything is a name."""
    await run("user", "create", "--", "--yes")
    assert await run("user", "disable", "--", "--yes") == ""
    assert await sql.fetchval("select enabled from users where name = '--yes'") is False
