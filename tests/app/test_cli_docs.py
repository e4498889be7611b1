"""`api-tokens docs`, as a person uses it."""

import re
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from app import docs
from app.cli import commands
from app.cli.docs import FORMATS
from tests.examples import REGISTRY
from tests.support import output

FILE = """\
[permissions.orders]
title = "Orders"
description = "See orders."
"""


def printed(*arguments: str) -> str:
    """What the command prints when it goes well."""
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def run(*arguments: str) -> Result:
    """How the command ends."""
    return CliRunner().invoke(commands, ["docs", *arguments], prog_name="api-tokens")


async def test_prints_the_reference_unless_told_otherwise(tmp_path: Path) -> None:
    """Without flags it prints Markdown; it leaves no database and no key behind."""
    data_dir = tmp_path / "data"
    code, out, errors = await output("docs", environment={"API_TOKENS_DATA_DIR": str(data_dir)})
    assert (code, errors) == (0, "")
    assert out.startswith("# API reference\n")
    assert not data_dir.exists()


@pytest.mark.parametrize("name", ["openrpc", "openapi"])
def test_prints_documents_for_machines(name: str) -> None:
    """OpenRPC and OpenAPI are JSON, indented, and name their specification first."""
    out = printed("--format", name)
    assert out.startswith(f'{{\n  "{name}": "')
    assert len(orjson.loads(out)) > 3


def test_prints_types() -> None:
    """The types for TypeScript are those of every method."""
    assert printed("--format", "typescript") == docs.typescript(REGISTRY)


@pytest.mark.parametrize("name", FORMATS)
def test_one_module_alone(name: str) -> None:
    """Whatever the format, a module is printed without the methods of others."""
    out = printed("--format", name, "--module", "audit")
    assert "/v1/audit/read" in out
    assert "/v1/users/" not in out


def test_the_service_is_where_it_is_said_to_be() -> None:
    """The calls in the reference go to the given URL, and to no other."""
    out = printed("--url", "https://tokens.example.org/")
    assert "curl -X POST https://tokens.example.org/v1/users/create" in out
    assert docs.URL not in out


@pytest.mark.parametrize("name", ["openrpc", "openapi"])
def test_documents_say_where_the_service_is(name: str) -> None:
    """Machines are told whole URLs, since the document is not where the service is."""
    out = printed("--format", name, "--url", "https://tokens.example.org/behind/")
    urls = re.findall(r'^ +"url": "(.*)"', out, re.MULTILINE)
    assert "https://tokens.example.org/behind/api" in urls
    assert all(url.startswith("https://tokens.example.org/behind") for url in urls)


def test_limits_are_the_operators() -> None:
    """The schemas have the limits that a service with the same settings has."""
    assert '"maxLength": 7,' in printed("--format", "openrpc", "--name-limit", "7")


def test_a_broken_permission_file_is_refused(tmp_path: Path) -> None:
    """A permission file that a service would not start with is a complaint."""
    (tmp_path / "permissions.toml").write_text(FILE + "no_such = 1\n")
    result = run("--permissions", str(tmp_path / "permissions.toml"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("api-tokens: ")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--format", "pdf"), "there is no format 'pdf', but " + ", ".join(FORMATS)),
        (
            ("--module", "tokens"),
            "there is no module 'tokens', but api-tokens, audit, session, settings, usage, users",
        ),
        (("--url", "tokens"), "not a URL such as http://127.0.0.1:8080: tokens"),
        (("--url", 'http://x"'), 'not a URL such as http://127.0.0.1:8080: http://x"'),
    ],
)
def test_what_cannot_be_had_is_refused(arguments: tuple[str, str], complaint: str) -> None:
    """It is said in one line what is wrong; the exit status is that of a usage error."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"api-tokens: {complaint}\n"
