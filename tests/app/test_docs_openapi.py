"""The OpenAPI document: as the specification says, and as the service is."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.docs.openapi import headers, security
from app.docs.openapi.envelopes import SPECIFIED, envelopes
from app.docs.openapi.operations import SESSION_KEEPERS, body_schema, operation_id
from app.docs.refusals import refusals
from app.errors import ANSWERS, Code, Refusal
from app.registry import Method
from app.validation import is_valid
from app.wire import cookies, jsonrpc, positional, rpc
from tests.app.openapi import DOCUMENT, PATHS, SCHEMAS, answer, answer_schema, operations
from tests.examples import METHODS, REGISTRY
from tests.support import MISSING_ID

BY_ID: Final = {operation_id(method): method for method in METHODS}
CREATE: Final = "/v1/api-tokens/create"
GET_PERMISSIONS: Final = "/v1/api-tokens/get-permissions"

every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


def complaints(document: Any) -> list[str]:
    """What the specification's validator says of a document."""
    return [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()]


def codes(path: str, verb: str, status: int) -> list[int]:
    """The codes that a refusal may have."""
    _, narrowed = answer_schema(path, verb, status)["allOf"]
    found: list[int] = narrowed["properties"]["error"]["properties"]["code"]["enum"]
    return found


def references(value: Any) -> Iterator[str]:
    """Every reference in a JSON value."""
    if isinstance(value, dict):
        yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
    for member in value.values() if isinstance(value, dict) else value:
        if isinstance(member, dict | list):
            yield from references(member)


def test_is_as_the_specification_says() -> None:
    """The document validates against the specification's schema, and its schemas against theirs."""
    assert complaints(DOCUMENT) == []


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("openapi",), None),
        (("paths", CREATE, "post", "responses", "200", "description"), 1),
        (("components", "securitySchemes", "bearer", "type"), "no such type"),
        (("components", "schemas", "Page", "type"), "no such type"),
    ],
    ids=str,
)
def test_the_specification_would_object(path: tuple[str, ...], wrong: Any) -> None:
    """The validator finds what is wrong, in schemas too."""
    broken = orjson.loads(orjson.dumps(DOCUMENT))
    place = broken
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = wrong
    assert complaints(broken)


def test_references_lead_somewhere() -> None:
    """What is referred to is there."""
    for reference in set(references(DOCUMENT)):
        place = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            assert step in place, reference
            place = place[step]


def test_has_every_method() -> None:
    """Every method has its path, with its permission and its module."""
    told = {
        path: (item["post"]["x-permission"], item["post"]["x-changes"], item["post"]["tags"])
        for path, item in PATHS.items()
        if path.startswith("/v1/")
    }
    assert told == {m.name: (m.permission, m.changes, [m.name.split("/")[2]]) for m in METHODS}


def test_get_is_for_what_changes_and_needs_nothing() -> None:
    """A method can be called by GET if it changes nothing and needs no argument."""
    told = {path for verb, path, _ in operations() if verb == "get" and path.startswith("/v1/")}
    needless = {m.name for m in METHODS if not any(p.get("required") for p in m.schema["params"])}
    assert told == {m.name for m in METHODS if not m.changes} & needless


def test_operations_have_names_of_their_own() -> None:
    """No two operations are called the same, and all as identifiers are."""
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][A-Za-z]*", name) for name in names)


def test_operation_is_named_for_its_method() -> None:
    """Generated clients call a method as one would."""
    assert operation_id(REGISTRY.methods["/v1/api-tokens/set-enabled"]) == "apiTokensSetEnabled"


@every_method
def test_credentials_are_asked_of_callers(method: Method) -> None:
    """Guests need none; others one of those there are."""
    names = () if method.permission == "guest" else security.SCHEMES
    wanted: list[dict[str, list[str]]] = [{name: []} for name in names]
    assert PATHS[method.name]["post"]["security"] == wanted


def test_names_no_schema_twice() -> None:
    """What the document adds to the shared schemas takes the place of none."""
    assert not envelopes(REGISTRY).keys() & REGISTRY.components.keys()


def test_every_answer_has_a_request_id() -> None:
    """The header is promised wherever there is an answer."""
    for verb, path, operation in operations():
        for status in operation["responses"]:
            assert "X-Request-Id" in answer(path, verb, int(status))["headers"], (path, status)


@every_method
def test_examples_of_arguments_are_valid(method: Method) -> None:
    """Each example of a call is there, and is as the schema of the arguments says."""
    body = PATHS[method.name]["post"]["requestBody"]["content"]["application/json"]
    shown = [example["value"] for example in body["examples"].values()]
    assert shown == [[p["value"] for p in e["params"]] for e in method.schema["examples"]]
    assert all(is_valid(body["schema"], SCHEMAS, value) for value in shown)


@every_method
def test_examples_of_answers_are_valid(method: Method) -> None:
    """Each example of an answer is there, and is as the schema of the answer says."""
    content = answer(method.name, "post", 200)["content"]["application/json"]
    shown = [example["value"] for example in content["examples"].values()]
    data = [value["result"]["data"] for value in shown]
    assert data == [e["result"]["value"] for e in method.schema["examples"]]
    assert all(is_valid(content["schema"], SCHEMAS, value) for value in shown)


def test_examples_of_json_rpc_are_valid() -> None:
    """Calls by position, by name, without an id, and in a batch."""
    body = PATHS["/rpc"]["post"]["requestBody"]["content"]["application/json"]
    shown = [example["value"] for example in body["examples"].values()]
    assert [is_valid(body["schema"], SCHEMAS, value) for value in shown] == [True] * 4


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        (CREATE, []),
        (CREATE, ["ci"]),
        (CREATE, ["ci", None]),
        (CREATE, ["ci", {"role": None}]),
        (CREATE, [None]),
        (CREATE, [1]),
        (CREATE, ["ci", {"unknown": 1}]),
        (CREATE, ["ci", {}, None]),
        ("/v1/session/read", []),
        ("/v1/session/read", [None]),
        ("/v1/users/set-password", [MISSING_ID, None]),
        ("/v1/api-tokens/read", [{"where": {"enabled": "yes"}}]),
    ],
    ids=str,
)
def test_arguments_fit_where_the_service_takes_them(path: str, arguments: list[Any]) -> None:
    """The schema of a body says what the service itself says of the arguments."""
    method = REGISTRY.methods[path]
    try:
        method.parameters.bind(arguments)
        is_taken = True
    except Refusal:
        is_taken = False
    assert is_valid(body_schema(method), SCHEMAS, arguments) == is_taken


@every_method
def test_every_refusal_has_its_status(method: Method) -> None:
    """What a method can be refused with stands among the codes of the status it comes with."""
    for code, _ in refusals(method):
        assert code in codes(method.name, "post", ANSWERS[code][0]) or code is Code.ACCESS_DENIED


@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        ("/v1/session/sign-in", {401, 403, 429}),
        ("/v1/session/read", {401, 403}),
        (GET_PERMISSIONS, {401, 403, 404}),
        ("/v1/users/delete", {401, 403, 404, 409}),
    ],
)
def test_only_what_can_occur_is_told(path: str, statuses: set[int]) -> None:
    """Beside what any request may be answered, a method has the statuses of its own refusals."""
    of_all = {200, 400, 408, 413, 415, 500, 503}
    assert {int(status) for status in PATHS[path]["post"]["responses"]} == of_all | statuses


def test_who_needs_no_permission_cannot_lack_one() -> None:
    """Access is denied without credentials, and with some where a permission is needed."""
    denied = Code.ACCESS_DENIED
    assert denied in codes(GET_PERMISSIONS, "post", HTTPStatus.UNAUTHORIZED)
    assert denied not in codes(GET_PERMISSIONS, "post", HTTPStatus.FORBIDDEN)
    assert denied in codes("/v1/users/read", "get", HTTPStatus.FORBIDDEN)


def test_get_has_nothing_to_say_of_arguments() -> None:
    """Where none are sent none are refused."""
    told = codes("/v1/api-tokens/read", "get", HTTPStatus.BAD_REQUEST)
    assert Code.INVALID_ARGUMENTS not in told
    assert str(404) not in PATHS["/v1/api-tokens/read"]["get"]["responses"]


def test_speaks_of_the_wires_by_their_names() -> None:
    """What wires are called in the document is what they are called."""
    assert security.SCHEMES["session"]["name"] == cookies.NAME
    assert headers.PARAMETERS[headers.VOID]["name"] == positional.VOID
    assert [server["url"] for server in DOCUMENT["servers"]] == ["/", positional.BASE]
    assert {"/rpc", f"{positional.BASE}/rpc"} == rpc.PATHS
    assert {code: told for code, (told, _) in jsonrpc.SPECIFICATION.items()} == SPECIFIED


def test_tells_of_cookies_where_they_are_set() -> None:
    """Signing in and out say what a browser is to keep."""
    keeping = {
        path for path in SESSION_KEEPERS if "Set-Cookie" in answer(path, "post", 200)["headers"]
    }
    assert keeping == SESSION_KEEPERS <= REGISTRY.methods.keys()


def test_links_give_what_their_targets_take() -> None:
    """What can be done with a new token, or user, is called with its id and an example's rest."""
    found = [
        (BY_ID[link["operationId"]], link["requestBody"])
        for path in (CREATE, "/v1/users/create")
        for link in answer(path, "post", 200)["links"].values()
    ]
    taking = {
        m.name for m in METHODS if {p["name"] for p in m.schema["params"]} & {"tokenId", "userId"}
    }
    assert {method.name for method, _ in found} == taking
    assert all(is_valid(body_schema(method), SCHEMAS, body) for method, body in found)
