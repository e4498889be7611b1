"""The four places agree: methods, schemas, sql, tests."""

import inspect
import re
from pathlib import Path

import asyncpg
import pytest

from app import registry, statements
from app.permissions import PermissionRegistry
from tests.support import ROOT

METHODS = registry.load(PermissionRegistry()).methods
STATEMENTS = statements.load()
# They ask what authentication asks for every call: the statements are those of app/lookups.py.
VERIFYING = {"api_tokens/verify", "api_tokens/verify_batch"}


def stems(folder: str, suffix: str, prefix: str = "") -> set[str]:
    """The path of every method's file in one place, as `api_tokens/create`."""
    root = ROOT / folder
    return {
        path.relative_to(root).with_name(path.name.removeprefix(prefix)).with_suffix("").as_posix()
        for path in root.rglob(f"{prefix}*{suffix}")
        if not any(part.startswith("_") for part in path.relative_to(root).parts)
    }


def snake(name: str) -> str:
    """`tokenId` → `token_id`."""
    return re.sub("[A-Z]", lambda match: "_" + match[0].lower(), name)


@pytest.mark.parametrize("place", ["methods:.py", "sql:.sql", "tests/methods:.py:test_"])
def test_every_method_stands_in_four_places(place: str) -> None:
    """A schema has its function, statement and tests at the same path, and the other way round."""
    found = stems(*place.split(":"))
    schemas = stems("schemas", ".json")
    if place.startswith("sql"):
        found |= VERIFYING
    if place.startswith("tests"):  # a method's tests may need more than one file
        found = {max((s for s in schemas if f.startswith(s)), key=len, default=f) for f in found}
    assert found == schemas


@pytest.mark.parametrize("name", METHODS)
def test_the_function_takes_what_the_schema_says(name: str) -> None:
    """Parameters bear the schema's names in its order; an optional one has a default."""
    method = METHODS[name]
    _call, *parameters = inspect.signature(method.function).parameters.values()
    expected = [(snake(p["name"]), p.get("required", False)) for p in method.schema["params"]]
    assert [(p.name, p.default is p.empty) for p in parameters] == expected


def test_every_statement_is_used() -> None:
    """Each SQL file is named in the code, and each name in the code has its file."""
    code = [p.read_text("utf-8") for d in ("app", "methods") for p in (ROOT / d).rglob("*.py")]
    asked = re.compile(r'(?:rows?|page|staged)\(\s*"([^"]+)"')
    used = {name for text in code for name in asked.findall(text)}
    assert used == STATEMENTS.keys()


@pytest.mark.parametrize("name", STATEMENTS)
async def test_every_statement_prepares(name: str, sql: "asyncpg.Connection") -> None:
    """PostgreSQL understands the statement, with as many parameters as its header names."""
    prepared = await sql.prepare(STATEMENTS[name].text)
    assert len(prepared.get_parameters()) == len(STATEMENTS[name].parameters)


@pytest.mark.parametrize("path", sorted((ROOT / "sql").rglob("*.sql")), ids=lambda p: p.stem)
def test_a_file_holds_one_statement(path: Path) -> None:
    """No file but a migration needs a semicolon."""
    lines = path.read_text("utf-8").splitlines()
    code = [line for line in lines if not line.startswith("--")]
    assert path.parent.name == "_schema" or ";" not in "".join(code)
