"""The OpenRPC document, and what all documents say of refusals and references."""

import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import jsonschema
import orjson
import pytest
from referencing import Registry as Resources
from referencing.jsonschema import DRAFT7

from app import docs
from app.call import Failure, Request
from app.docs.refusals import refusals
from tests.examples import METHODS, REGISTRY
from tests.support import Api

URL: Final = "https://tokens.example.org"
OPENRPC: Final = docs.openrpc(REGISTRY, "1.2.3", URL)
# The specification's own, from npm: @open-rpc/meta-schema 1.14.9 and what it refers to,
# @json-schema-tools/meta-schema 1.8.0.
OFFICIAL: Final = Path(__file__).parent / "openrpc"

every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


@pytest.fixture(scope="module")
def official() -> jsonschema.Draft7Validator:
    """What the specification says of OpenRPC documents."""
    openrpc, json_schema = (
        orjson.loads((OFFICIAL / name).read_bytes())
        for name in ("openrpc.json", "json-schema.json")
    )
    resource = DRAFT7.create_resource(json_schema)
    known = [(f"https://meta.json-schema.tools{end}", resource) for end in ("", "/")]
    return jsonschema.Draft7Validator(openrpc, registry=Resources().with_resources(known))


def test_openrpc_is_as_the_specification_says(official: jsonschema.Draft7Validator) -> None:
    """The document validates against the official meta-schema."""
    document = orjson.loads(orjson.dumps(OPENRPC))
    assert [error.message for error in official.iter_errors(document)] == []


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("openrpc",), "9.9.9"),
        (("methods", 0, "params", 0, "schema"), {"type": "no such type"}),
        (("methods", 0, "errors", 0, "code"), "x"),
    ],
)
def test_the_specification_would_object(
    official: jsonschema.Draft7Validator, path: tuple[Any, ...], wrong: Any
) -> None:
    """The meta-schema as it is used here finds what is wrong, in schemas too."""
    broken = orjson.loads(orjson.dumps(OPENRPC))
    place = broken
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = wrong
    assert not official.is_valid(broken)


def test_openrpc_has_every_method() -> None:
    """Every method is there, with its permission and the module it belongs to."""
    told = {m["name"]: (m["x-permission"], m["tags"]) for m in OPENRPC["methods"]}
    assert told == {
        m.name: (m.permission, [{"name": m.name.split("/")[2]}]) for m in REGISTRY.methods.values()
    }


def test_openrpc_says_where_the_service_is() -> None:
    """Servers are whole URLs, as the specification's own tools want them."""
    urls = [urlsplit(server["url"]) for server in OPENRPC["servers"]]
    assert [(u.scheme, u.netloc, u.path) for u in urls] == [
        ("https", "tokens.example.org", "/api"),
        ("https", "tokens.example.org", "/rpc"),
    ]


def test_openrpc_has_the_live_events() -> None:
    """What connections are told of is there as well."""
    assert OPENRPC["x-events"] == REGISTRY.events


def test_openrpc_keeps_the_service_to_itself() -> None:
    """Whence the rows come is nobody's business."""
    assert "x-index" not in str(OPENRPC)


@pytest.mark.parametrize(
    ("credentials", "arguments"),
    [
        ((), ["name"]),
        (("apt_no_such_token",), ["name"]),
        (("session_no_such_session",), ["name"]),
        (("one", "another"), ["name"]),
        (("root",), []),
        (("root",), ["name", {"role": "no such role"}]),
    ],
    ids=str,
)
async def test_refusals_are_told(
    root: Api, credentials: tuple[str, ...], arguments: list[Any]
) -> None:
    """What a call is refused with stands in its method's list, at least by how the text begins."""
    assert root.token
    shown = tuple(root.token if secret == "root" else secret for secret in credentials)
    request = Request("/v1/api-tokens/create", arguments, shown)
    result = await root.services.dispatcher.dispatch(request)
    assert isinstance(result, Failure)
    told = [t for code, t in refusals(REGISTRY.methods[request.method]) if code is result.code]
    assert any(result.text.startswith(re.sub('"x".*', "", text)) for text in told)


def beside_references(value: Any) -> set[str]:
    """What stands beside references, anywhere in a JSON value."""
    if isinstance(value, list):
        return set().union(*map(beside_references, value))
    if not isinstance(value, dict):
        return set()
    found = beside_references(list(value.values()))
    return found | (value.keys() - {"$ref"} if "$ref" in value else set())


def test_what_stands_beside_a_reference_only_describes() -> None:
    """So a reference can be shown as one schema: nothing beside it could contradict the other."""
    assert beside_references(OPENRPC) <= {"title", "description"}


@pytest.mark.parametrize("method", OPENRPC["methods"], ids=lambda method: method["name"])
def test_openrpc_has_each_code_once(method: dict[str, Any]) -> None:
    """A method's errors differ in their codes, as the specification wants it."""
    codes = [error["code"] for error in method["errors"]]
    assert len(codes) == len(set(codes)) > 0


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        ({"order_by": [["name", "desc"]], "where": {"name": ["like", "x"]}}, True),
        ({"order_by": [["nonsense", "desc"]]}, False),
        ({"order_by": [["name", "sideways"]]}, False),
        ({"where": {"name": ["between", 1]}}, False),
    ],
    ids=str,
)
def test_openrpc_has_schemas_of_draft_7(options: dict[str, Any], fits: bool) -> None:
    """Which is the draft that OpenRPC has, and that its tools know."""
    [read] = [m for m in OPENRPC["methods"] if m["name"] == "/v1/api-tokens/read"]
    schema = {**read["params"][0]["schema"], "components": OPENRPC["components"]}
    assert jsonschema.Draft7Validator(schema).is_valid(options) == fits
