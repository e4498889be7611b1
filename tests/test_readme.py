"""The README is true: its table is the registry's, its commands run."""

import asyncio
import os
import re
import shutil

import orjson
import pytest

from app import docs, registry
from app.permissions import PermissionRegistry
from tests.support import ROOT, Server, output

README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str, text: str) -> list[str]:
    """The code blocks of a language that have a text in them."""
    found = re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return [block for block in found if text in block]


def test_lists_every_method() -> None:
    """The table of methods is the one the schemas make."""
    table = docs.methods_table(registry.load(PermissionRegistry()))
    between = re.search(r"<!-- methods: .*? -->\n(.*)<!-- /methods -->", README, re.DOTALL)
    assert between
    assert between[1] == table + "\n"


@pytest.mark.parametrize("command", blocks("sh", "curl "))
async def test_its_curl_lines_work(server: Server, command: str) -> None:
    """Each curl line gets a success."""
    if shutil.which("curl") is None and not os.environ.get("CI"):
        pytest.skip("curl is not installed")
    shell = await asyncio.create_subprocess_shell(
        command.replace("http://127.0.0.1:8080", server.url),
        env={**os.environ, "TOKEN": server.root_token, "PASSWORD": server.root_password},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    answer, _ = await shell.communicate()
    told = orjson.loads(answer)
    assert told.get("active") or told["result"] == "success" or told["result"]["status"] == 200


async def test_its_answer_is_an_answer(server: Server) -> None:
    """The answer shown has the members a real one has."""
    [shown] = blocks("json", "jsonrpc")
    arguments = ['"ci"', '{"role": "read-only", "expires": "30d"}']
    reach = ["--url", server.url, "--token", server.root_token]
    _, out, _ = await output("call", "api-tokens/create", *arguments, *reach)
    real, data = orjson.loads(out), orjson.loads(shown)["result"]["data"]
    assert data.keys() == real.keys()
    assert {k: data[k] for k in ("name", "role", "permissions")} == {
        k: real[k] for k in ("name", "role", "permissions")
    }
