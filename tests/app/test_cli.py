"""The command line, as a person uses it: a program, its output, its exit status."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import click
import pytest

from app.cli import commands
from app.config import Settings
from app.flags import with_settings
from tests.support import output, running_server

HTML = "<!doctype html><title>Welcome</title>"
# What the shell makes of bytes that are no UTF-8.
BYTES = os.fsdecode(b"a\xff")


@asynccontextmanager
async def stranger(answer: str) -> AsyncIterator[tuple[str, list[str]]]:
    """The URL of a server that gives one answer to everything, and the requests it got."""
    requests: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(answer.encode())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests


def http(body: str, status: str = "200 OK", header: str = "X-None: 0") -> str:
    """An HTTP answer."""
    return f"HTTP/1.1 {status}\r\n{header}\r\nContent-Length: {len(body)}\r\n\r\n{body}"


async def test_token_create_prints_the_secret_alone(run: Any) -> None:
    """What `token create` prints can be assigned to a variable as it is."""
    assert re.fullmatch(r"apt_\w{36}\n", await run("token", "create", "ci"))


async def test_token_list_shows_what_was_made(run: Any) -> None:
    """A token appears with its hint, permissions and expiry, and without its secret."""
    arguments = ["--permission", "read", "--permission", "write", "--expires", "30d"]
    secret = (await run("token", "create", "ci", *arguments)).strip()
    listed = await run("token", "list")
    assert re.search(rf"ci +- +apt_…{secret[-4:]} +read write +yes +\d{{4}}-\d\d-\d\d", listed)
    assert secret not in listed


async def test_token_create_gives_a_role(run: Any) -> None:
    """`--role` grants a preset."""
    await run("token", "create", "ci", "--role", "read-only")
    assert re.search(r"ci +read-only +\S+ +read +yes", await run("token", "list"))


async def test_token_delete_removes_it(run: Any) -> None:
    """A deleted token is not listed any more."""
    await run("token", "create", "ci")
    [token_id] = re.findall(r"^(\S{36})  ci", await run("token", "list"), re.MULTILINE)
    assert await run("token", "delete", token_id) == ""
    assert "ci" not in await run("token", "list")


async def test_a_user_has_tokens_of_their_own(run: Any) -> None:
    """`--user` says whose token is made and whose are listed."""
    assert re.fullmatch(r"\S{36}\n", await run("user", "create", "alice"))
    await run("token", "create", "hers", "--user", "alice", "--permission", "read")
    await run("token", "create", "roots")
    assert "roots" not in await run("token", "list", "--user", "alice")
    assert "hers" in await run("token", "list", "--user", "alice")


async def test_user_list_shows_what_they_hold(run: Any) -> None:
    """Root holds everything, a user the default permissions or exactly those named."""
    await run("user", "create", "alice")
    await run("user", "create", "bob", "--permission", "verify")
    listed = await run("user", "list")
    assert re.search(r"alice +no +read write +yes", listed)
    assert re.search(r"bob +no +verify +yes", listed)
    assert re.search(r"root +yes +\w+ \w+ \w+ \w+ +yes", listed)


async def test_lists_more_than_a_page(run: Any, sql: "asyncpg.Connection[Any]") -> None:
    """A list is whole, however many pages it takes."""
    await run("user", "list")
    await sql.execute("insert into users (name) select 'user ' || n from generate_series(1, 250) n")
    assert len((await run("user", "list")).splitlines()) == 1 + 1 + 250


async def test_migrate_can_be_repeated(run: Any, empty_database: str) -> None:
    """`migrate` makes an empty database ready, and does nothing the second time."""
    for _ in range(2):
        out = await run("migrate", "--database-url", empty_database)
        assert out == "the database is up to date\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["token", "create", ""], 'Value at "/0" must have at least 1 characters'),
        (["token", "create", "ci", "--role", "king"], 'Role "king" is not valid'),
        (["token", "create", "ci", "--permission", "x"], 'Permission "x" is not valid'),
        (["token", "create", "ci", "--expires", "soon"], "must be a time such as"),
        (["token", "create", "ci", "--user", "nobody"], "there is no user 'nobody'"),
        (["token", "delete", "nonsense"], "Token not found"),
        (["user", "create", "root"], "Name is taken"),
        (["user", "create", "alice", "--permission", "*"], 'Permission "*" is not valid'),
        (["token", "create", "ci", "--user", BYTES], "not valid text: user"),
        (["token", "create", BYTES], "not valid text: name"),
        (["token", "create", "ci", "--role", BYTES], "not valid text"),
        (["token", "create", "ci", "--permission", BYTES], "not valid text"),
        (["token", "create", "ci", "--expires", BYTES], "not valid text"),
        (["token", "list", "--user", BYTES], "not valid text: user"),
        (["token", "delete", BYTES], "not valid text"),
        (["token", "list", "--database-url", "postgresql://127.0.0.1:1/x"], "does not answer"),
        (["call", "api-tokens/read", "nonsense"], "nonsense is not JSON"),
        (["call", "api-tokens/read", BYTES], "not valid text: arguments"),
        (["call", BYTES], "not valid text: method"),
        (["call", "api-tokens/read", "--url", f"http://{BYTES}"], "not valid text: url"),
        (["call", "api-tokens/read", "--url", "http://127.0.0.1:1"], "no answer from http://127"),
        (["call", "api-tokens/read", "--url", "nonsense"], "no answer from nonsense"),
        (["call", "api-tokens/read", "--url", "http://a b"], "no answer from http://a b"),
        (["call", "api-tokens/read", "--url", "http://[::1"], "no answer from http://[::1"),
        (["call", "api-tokens/read", "--url", "http://a:port"], "no answer from http://a:port"),
        (["call", "api-tokens/read", "--url", "http://é"], "no answer from http://é"),
    ],
)
async def test_says_in_one_line_what_is_wrong(
    refused: Any, arguments: list[str], line: str
) -> None:
    """A refusal is one line on stderr and a status that is not zero."""
    assert line in await refused(*arguments)


async def test_a_database_lost_in_a_command_is_told(
    environment: dict[str, str], sql: "asyncpg.Connection[Any]"
) -> None:
    """When the database goes away under a command, the log says why and a line ends it."""
    await sql.execute(
        "create function leave() returns trigger language plpgsql as"
        " $$ begin raise 'leaving' using errcode = 'admin_shutdown'; end $$"
    )
    await sql.execute("create trigger leave before insert on users execute function leave()")
    code, out, errors = await output("user", "list", environment=environment)
    assert (code, out) == (1, "")
    [reason, line] = errors.splitlines()
    assert "leaving" in reason
    assert line == "api-tokens: Backend is down"


async def test_what_postgresql_says_comes_in_one_line(
    refused: Any, sql: "asyncpg.Connection[Any]"
) -> None:
    """A complaint of several lines is put in one."""
    await sql.execute("delete from schema_migrations")
    assert "the database refuses" in await refused("migrate")


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ("SSH-2.0-OpenSSH_9.6\r\n", "is not api-tokens"),
        ("", "no answer from http://127"),
        (http("", header="Content-Length: 9"), "no answer from http://127"),
        (http(HTML), "is not api-tokens"),
        (http(HTML, "502 Bad Gateway"), "is not api-tokens"),
        (http("[1]"), "is not api-tokens"),
        (http('{"status": "ok"}'), "is not api-tokens"),
        (http('{"result": 1}'), "is not api-tokens"),
        (http('{"error": "Not Found"}', "404 Not Found"), "is not api-tokens"),
        (http('{"error": {"message": "no\\nway"}}', "400 Bad Request"), "no way"),
    ],
)
async def test_call_says_in_one_line_what_a_stranger_is(
    refused: Any, answer: str, line: str
) -> None:
    """Whatever answers in place of the service, `call` ends with a line."""
    async with stranger(answer) as (url, _):
        assert line in await refused("call", "api-tokens/read", "--url", url)


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
async def test_call_takes_the_token_to_no_other_host(refused: Any, status: str) -> None:
    """A redirect is told and not followed."""
    async with stranger(http("{}")) as (other, theirs):
        redirect = http("", status, f"Location: {other}/v1/a")
        async with stranger(redirect) as (url, requests):
            line = await refused("call", "a", "--url", url, "--token", "secret")
    assert f"redirects to '{other}/v1/a'" in line
    assert "Authorization: Bearer secret" in requests[0]
    assert theirs == []


@pytest.mark.parametrize(
    "token", ["secret\nX: y", "secret\r", "secret€", os.fsdecode(b"secret\xff")]
)
async def test_call_refuses_a_bad_token_without_printing_it(refused: Any, token: str) -> None:
    """A token that no header can carry is not sent, and not shown."""
    async with stranger(http("{}")) as (url, requests):
        line = await refused("call", "api-tokens/read", "--url", url, "--token", token)
    assert line == "the token has characters that no token has"
    assert requests == []


async def test_call_talks_to_a_running_service(environment: dict[str, str], run: Any) -> None:
    """`call` prints the data of an answer, or says why there is none."""
    async with running_server(environment=environment) as server:
        reach = ["--url", server.url, "--token", server.root_token]
        assert '"name": "ci"' in await run("call", "api-tokens/create", '"ci"', *reach)
        assert '"name": "ci"' in await run("call", "/v1/api-tokens/read", *reach)
        code, out, errors = await output("call", "api-tokens/delete", *reach)
        assert (code, out) == (1, "")
        assert errors == "api-tokens: Arguments validation error: Invalid number of arguments\n"
        for unknown in ("no such/method", "é"):
            errors = (await output("call", unknown, *reach))[2]
            assert errors == "api-tokens: API method not found\n"
        errors = (await output("call", "users/create", '"a"', "[" * 300 + "]" * 300, *reach))[2]
        assert errors.startswith("api-tokens: Arguments validation error: ")
        assert errors.count("\n") == 1


async def test_commands_work_beside_a_running_service(tmp_path: Path) -> None:
    """On the embedded database too, a command shares it with the service, and works without one."""
    reach = ["--data-dir", str(tmp_path / "data")]
    async with running_server(*reach) as server:
        code, secret, errors = await output("token", "create", "beside", *reach)
        assert (code, errors) == (0, "")
        call = ["call", "api-tokens/read", "--url", server.url, "--token", secret.strip()]
        out = (await output(*call))[1]
        assert '"name": "beside"' in out
    code, listed, errors = await output("token", "list", *reach)
    assert code == 0, errors
    assert "beside" in listed


def test_every_flag_has_an_environment_twin() -> None:
    """A flag --data-dir can be given as API_TOKENS_DATA_DIR, in every command."""
    pending: list[Any] = [commands]
    while pending:
        command = pending.pop()
        pending += getattr(command, "commands", {}).values()
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.name != "version":
                flag = parameter.opts[0].removeprefix("--")
                assert parameter.envvar == "API_TOKENS_" + flag.replace("-", "_").upper()


async def test_an_unknown_flag_is_refused() -> None:
    """A flag that is none is a usage error."""
    code, out, errors = await output("serve", "--no-such-flag")
    assert (code, out) == (2, "")
    assert "--no-such-flag" in errors


async def test_a_bad_value_in_the_environment_is_named() -> None:
    """A bad value is refused under the name it was given by."""
    code, _, errors = await output("serve", environment={"API_TOKENS_PORT": "http"})
    assert code == 2
    assert "API_TOKENS_PORT" in errors


@pytest.mark.parametrize("server", [True, False])
def test_a_flag_left_out_takes_its_default(server: bool) -> None:
    """A command that is given nothing has the settings that a service without flags has."""

    @click.command()
    @with_settings(server=server)
    def command(settings: Settings) -> None:
        seen.append(settings)

    seen: list[Settings] = []
    command.main([], standalone_mode=False)
    assert seen == [Settings()]
