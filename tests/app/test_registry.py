import importlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import methods
from app.errors import CannotStart
from app.permissions import Permission, PermissionRegistry, Role
from app.registry import LIMITS, ROOT, Registry, load, load_components, wire_name

BUILT_IN = PermissionRegistry()
SCHEMA: dict[str, Any] = {
    "name": "/v1/lab/try-it",
    "summary": "Try it",
    "description": "For tests.",
    "x-permission": "user",
    "x-changes": False,
    "params": [{"name": "what", "required": True, "schema": {"type": "string"}}],
    "result": {"name": "nothing", "schema": {}},
    "errors": [],
    "examples": [{"name": "Try", "params": [], "result": {"name": "nothing", "value": None}}],
}
FUNCTION = "async def try_it(call, what):\n    return what\n"

Tree = Callable[..., Registry]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout with one method, lab/try_it, that Python finds in the package `methods` too."""
    for folder in ("methods/lab", "schemas/lab"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "schemas" / "_components.json", tmp_path / "schemas")
    shutil.copy(ROOT / "schemas" / "_events.json", tmp_path / "schemas")
    (tmp_path / "methods/lab/try_it.py").write_text(FUNCTION)
    (tmp_path / "schemas/lab/try_it.json").write_text(json.dumps(SCHEMA))
    monkeypatch.setattr(methods, "__path__", [str(tmp_path / "methods")])
    importlib.invalidate_caches()
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("methods."):
            del sys.modules[name]


def write(root: Path, path: str, content: str | Mapping[str, Any]) -> None:
    """A file of the checkout."""
    text = content if isinstance(content, str) else json.dumps(content)
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def complaint(root: Path, permissions: PermissionRegistry = BUILT_IN) -> str:
    """The one line with which the start is refused."""
    with pytest.raises(CannotStart) as caught:
        load(permissions, {}, root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_pairs_a_function_with_its_schema(root: Path) -> None:
    """A method is known by its wire name, with what its schema file says."""
    [method] = load(BUILT_IN, {}, root).methods.values()
    assert (method.name, method.permission, method.changes) == ("/v1/lab/try-it", "user", False)
    assert method.parameters.names == ["what"]
    assert method.function.__name__ == "try_it"
    assert method.listing is None


def test_a_keyword_is_a_name_with_an_underscore(root: Path) -> None:
    """A method may be called what Python calls something else: `import`."""
    write(root, "schemas/lab/import.json", SCHEMA | {"name": "/v1/lab/import"})
    write(root, "methods/lab/import.py", "async def import_(call, what): ...\n")
    method = load(BUILT_IN, {}, root).methods["/v1/lab/import"]
    assert method.function.__name__ == "import_"


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("api_tokens/set_permissions", "/v1/api-tokens/set-permissions"),
        ("session/read", "/v1/session/read"),
    ],
)
def test_a_path_is_a_name(stem: str, name: str) -> None:
    """What callers call is the path with hyphens."""
    assert wire_name(stem) == name


@pytest.mark.parametrize(
    "path", ["methods/lab/_words.py", "methods/_lab/words.py", "schemas/_x.json"]
)
def test_a_leading_underscore_is_no_method(root: Path, path: str) -> None:
    """What methods share may stand beside them."""
    write(root, path, "{}")
    assert load(BUILT_IN, {}, root).methods.keys() == {"/v1/lab/try-it"}


@pytest.mark.parametrize(
    ("path", "stem"), [("methods/lab/alone.py", "lab/alone"), ("schemas/alone.json", "alone")]
)
def test_a_file_without_its_twin_stops_the_start(root: Path, path: str, stem: str) -> None:
    """A method is there whole or not at all."""
    write(root, path, "{}")
    expected = f"{stem}: a method needs both methods/{stem}.py and schemas/{stem}.json"
    assert complaint(root) == expected


@pytest.mark.parametrize("name", ["/v1/lab/try_it", "/v1/lab/other", "lab/try-it", None])
def test_a_name_must_be_the_path(root: Path, name: str | None) -> None:
    """A schema file that was copied and not renamed is found out."""
    write(root, "schemas/lab/try_it.json", {**SCHEMA, "name": name})
    assert complaint(root) == "schemas/lab/try_it.json: its name must be /v1/lab/try-it"


def test_two_methods_cannot_have_one_name(root: Path) -> None:
    """`a_b` and `a-b` are two paths with one wire name."""
    write(root, "methods/lab/try-it.py", "async def t(call, what): ...\nglobals()['try-it'] = t\n")
    write(root, "schemas/lab/try-it.json", SCHEMA)
    assert complaint(root) == "/v1/lab/try-it: two methods have this name"


def test_a_file_that_is_no_json_stops_the_start(root: Path) -> None:
    """The parser's complaint follows the path."""
    write(root, "schemas/lab/try_it.json", '{"name": ')
    assert complaint(root).startswith(f"{root}/schemas/lab/try_it.json: ")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"params": [{"name": "what", "schema": {"type": "text"}}]}, "what"),
        ({"params": [{"name": "what", "schema": {"minLength": -1}}]}, "what"),
        ({"result": {"name": "nothing", "schema": {"type": 1}}}, "nothing"),
        ({"params": [{"name": "what", "schema": {"$ref": "#/components/schemas/Nme"}}]}, "what"),
    ],
)
def test_a_wrong_schema_stops_the_start(root: Path, change: dict[str, Any], place: str) -> None:
    """The file and the parameter are named."""
    write(root, "schemas/lab/try_it.json", SCHEMA | change)
    assert complaint(root).startswith(f"schemas/lab/try_it.json: {place}: ")


@pytest.mark.parametrize("member", sorted(SCHEMA.keys() - {"name"}))
def test_a_schema_that_lacks_a_member_stops_the_start(root: Path, member: str) -> None:
    """A method without a permission, say, is refused with its file's name."""
    write(root, "schemas/lab/try_it.json", {k: v for k, v in SCHEMA.items() if k != member})
    assert complaint(root).startswith("schemas/lab/try_it.json: ")


@pytest.mark.parametrize("permission", ["fly", "", "*", "root", "User"])
def test_an_unknown_permission_stops_the_start(root: Path, permission: str) -> None:
    """A method that nobody could ever call, or anybody, is a slip."""
    write(root, "schemas/lab/try_it.json", SCHEMA | {"x-permission": permission})
    assert complaint(root) == f"/v1/lab/try-it: there is no permission {permission!r}"


@pytest.mark.parametrize("permission", ["guest", "user", "admin", "read"])
def test_a_method_may_ask_for_anybody_or_a_permission(root: Path, permission: str) -> None:
    """`guest` and `user` are no permissions and still mean something."""
    write(root, "schemas/lab/try_it.json", SCHEMA | {"x-permission": permission})
    [method] = load(BUILT_IN, {}, root).methods.values()
    assert method.permission == permission


def test_an_operators_permission_is_one(root: Path) -> None:
    """What the operator's file names may be asked for, what it leaves out may not."""
    write(root, "schemas/lab/try_it.json", SCHEMA | {"x-permission": "fly"})
    permissions = PermissionRegistry([Permission("fly", "Fly", "")], [Role("pilot", "", ("fly",))])
    assert load(permissions, {}, root).methods
    write(root, "schemas/lab/try_it.json", SCHEMA | {"x-permission": "read"})
    assert complaint(root, permissions) == "/v1/lab/try-it: there is no permission 'read'"


@pytest.mark.parametrize(
    "source",
    [
        "",
        "async def tryit(call, what): ...\n",
        "def try_it(call, what): ...\n",
        "try_it = 1\n",
        "class try_it: ...\n",
    ],
)
def test_a_module_must_have_the_function(root: Path, source: str) -> None:
    """An async function, named as the file."""
    write(root, "methods/lab/try_it.py", source)
    expected = "methods/lab/try_it.py: it must have an async function named as the file"
    assert complaint(root) == expected


@pytest.mark.parametrize("arguments", ["", "call", "call, what, more", "call, what, more=None"])
def test_arguments_must_be_as_many_as_parameters(root: Path, arguments: str) -> None:
    """The call itself, and one for each parameter."""
    write(root, "methods/lab/try_it.py", f"async def try_it({arguments}): ...\n")
    expected = "methods/lab/try_it.py: its arguments differ from schemas/lab/try_it.json"
    assert complaint(root) == expected


@pytest.mark.parametrize(
    ("setting", "name", "keyword"),
    [(setting, *place) for setting, places in LIMITS.items() for place in places],
)
def test_an_operators_limit_stands_in_the_schema(setting: str, name: str, keyword: str) -> None:
    """What the documents print is what the server runs."""
    assert load_components(ROOT, {setting: 7})[name][keyword] == 7
    assert load_components(ROOT, {})[name][keyword] != 7


def test_an_operators_limit_holds() -> None:
    """A longer name is refused, in every method that takes one."""
    registry = load(BUILT_IN, {"name_limit": 3})
    for method in ("/v1/api-tokens/create", "/v1/users/create"):
        assert registry.methods[method].parameters.bind(["Ann"]) == ["Ann", None]
        with pytest.raises(Exception, match=r"^Arguments validation error$"):
            registry.methods[method].parameters.bind(["Anna"])


@pytest.mark.parametrize(("limit", "default"), [(7, 7), (100, 100), (5000, 100)])
def test_a_page_is_never_longer_than_its_limit(limit: int, default: int) -> None:
    """A limit below the default page lowers that as well, one above does not raise it."""
    registry = load(BUILT_IN, {"page_limit": limit})
    assert registry.components["PageLimit"]["default"] == default
    listing = registry.methods["/v1/api-tokens/read"].listing
    assert listing
    assert listing.page_limit == default


def test_a_limit_that_is_none_stops_the_start() -> None:
    """The place that cannot be is named."""
    with pytest.raises(CannotStart, match=r"^schemas/_components\.json: Name: .*-1"):
        load_components(ROOT, {"name_limit": -1})


def test_limits_are_one_services_alone() -> None:
    """The next registry begins with the built-in limits again."""
    load(BUILT_IN, {"name_limit": 3})
    assert load(BUILT_IN).components["Name"]["maxLength"] == 255


@pytest.mark.parametrize(
    ("method", "permission", "changes"),
    [
        ("api-tokens/create", "user", True),
        ("api-tokens/import", "admin", True),
        ("api-tokens/read", "user", False),
        ("api-tokens/delete", "user", True),
        ("api-tokens/set-enabled", "user", True),
        ("api-tokens/get-permissions", "user", False),
        ("api-tokens/set-permissions", "user", True),
        ("api-tokens/update-permissions", "user", True),
        ("users/create", "admin", True),
        ("users/read", "admin", False),
    ],
)
def test_who_may_call_what(method: str, permission: str, changes: bool) -> None:
    """The methods of the design ask for the permission it gives them."""
    found = load(BUILT_IN).methods[f"/v1/{method}"]
    assert (found.permission, found.changes) == (permission, changes)


@pytest.mark.parametrize("name", ["api-tokens/read", "users/read"])
def test_a_reading_method_has_its_listing(name: str) -> None:
    """A schema with `x-row` describes what a page shows, and by what it can be sought."""
    listing = load(BUILT_IN).methods[f"/v1/{name}"].listing
    assert listing
    assert {"id", "name", "enabled", "created"} <= {*listing.columns}
    assert listing.types["created"] == "timestamptz"
    assert "digest" not in listing.columns
