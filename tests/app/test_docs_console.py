"""The older console API in the reference and in the OpenAPI document: all that its table has."""

import asyncio
import os
import re
import shutil
from typing import Any, Final

import orjson
import pytest
from aiohttp import ClientSession

from app import docs
from app.console_api import ENDPOINTS, Action, Endpoint, Shown
from app.docs.markdown.console import CONSOLE
from app.docs.openapi.console import operation_id
from app.validation import is_valid
from tests.app.openapi import PATHS, SCHEMAS, answer, answer_schema
from tests.examples import REGISTRY
from tests.support import Server

URL: Final = "https://tokens.example.org"
REFERENCE: Final = docs.markdown(REGISTRY, "1.2.3", URL)
SECTION: Final = REFERENCE.partition(f"\n## {CONSOLE}\n")[2].partition("\n## ")[0]
BLOCKS: Final = re.findall(r"^```(\w+)\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
NEWER: Final = [endpoint for endpoint in ENDPOINTS.values() if not endpoint.successor]

each = pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=operation_id)


def operation(endpoint: Endpoint) -> Any:
    """An endpoint's operation in the document."""
    return PATHS[endpoint.path][endpoint.verb.lower()]


def told_fields(endpoint: Endpoint) -> dict[str, Any]:
    """The schemas of the fields that an operation tells of, by their names."""
    told = operation(endpoint)
    if "requestBody" in told:
        found: dict[str, Any] = {}
        for content in told["requestBody"]["content"].values():
            found = content["schema"]["properties"]
        return found
    return {p["name"]: p["schema"] for p in told["parameters"] if p.get("in") == "query"}


@each
def test_the_document_has_each_endpoint(endpoint: Endpoint) -> None:
    """With its verb alone, its fields, and whether it is deprecated."""
    assert PATHS[endpoint.path].keys() == {endpoint.verb.lower()}
    told = operation(endpoint)
    assert told.get("deprecated", False) is bool(endpoint.successor)
    fields = {field for action in endpoint.actions for field in action.fields}
    shown = told_fields(endpoint)
    assert shown.keys() == {field.name for field in fields}
    for field in fields:
        assert shown[field.name].get("enum", []) == [*field.values]


@each
def test_the_section_has_each_endpoint(endpoint: Endpoint) -> None:
    """A row for each of its meanings."""
    rows = [line for line in SECTION.splitlines() if f"{endpoint.verb} {endpoint.path}`" in line]
    assert len(rows) == len(endpoint.actions)
    for row, action in zip(rows, endpoint.actions, strict=True):
        assert action.summary in row
        assert all(f"`{field.name}`" in row for field in action.fields)


def test_every_action_calls_a_method() -> None:
    """One that there is, with arguments that its schema has a place for."""
    for endpoint in ENDPOINTS.values():
        for action in endpoint.actions:
            method = REGISTRY.methods[f"/v1/{action.method}"]
            assert len(action.arguments) <= len(method.schema["params"])
            assert {*action.places().values()} >= placed(action)


def placed(action: Action) -> set[Any]:
    """The fields that arguments must have a place for: the id is asked for by another call."""
    return {field for field in action.fields if field.name != "key_id"}


def test_the_key_that_is_shown_is_one() -> None:
    """As the document has it."""
    [shown] = [text for language, text in BLOCKS if language == "json"]
    schema = answer_schema("/api/v1/auth_token/add", "post", 200)
    document = {"result": "success", "global_api_key": orjson.loads(shown)}
    assert is_valid(schema, SCHEMAS, document)


def pasted(endpoint: Endpoint) -> str:
    """The curl line of the section that calls an endpoint."""
    [found] = [text for language, text in BLOCKS if language == "sh" and endpoint.path in text]
    return str(found)


async def ran(command: str, server: Server, **environment: str) -> str:
    """What a line prints."""
    if shutil.which("curl") is None and not os.environ.get("CI"):
        pytest.skip("curl is not installed")
    shell = await asyncio.create_subprocess_shell(
        command.replace(URL, server.url).replace("curl", "curl --silent --fail", 1),
        env={**os.environ, "TOKEN": server.root_token, **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await shell.communicate()
    assert shell.returncode == 0, command
    return printed.decode()


@pytest.mark.parametrize(
    "endpoint", [e for e in NEWER if not e.path.endswith("disable")], ids=operation_id
)
async def test_the_lines_of_the_section_can_be_pasted(server: Server, endpoint: Endpoint) -> None:
    """Each is answered as the document has it."""
    made = await ran(pasted(ENDPOINTS["/api/v1/auth_token/add"]), server)
    key_id = orjson.loads(made)["global_api_key"]["key_id"]
    printed = await ran(pasted(endpoint), server, KEY_ID=key_id)
    if endpoint.actions[0].shown is Shown.FILE:
        assert printed.startswith("; save this file as")
        return
    schema = answer_schema(endpoint.path, endpoint.verb.lower(), 200)
    assert is_valid(schema, SCHEMAS, orjson.loads(printed))


@pytest.mark.parametrize(
    ("path", "verb", "fields", "status"),
    [
        ("ping", "GET", {}, 200),
        ("ping", "GET", {"auth_token": "dead"}, 401),
        ("auth_token/add", "POST", {"note": "a"}, 400),
        ("auth_token/add", "POST", {"note": "a", "auth_token_type": "analyst"}, 200),
        ("token/add", "POST", {"note": "a", "auth_token_type": "analyst"}, 200),
        ("auth_token/list", "GET", {}, 200),
        ("auth_token/list", "GET", {"auth_token": "{weak}"}, 200),
        ("auth_token/download", "GET", {"auth_token": "{weak}"}, 403),
        ("auth_token/download", "GET", {"key_id": "none"}, 404),
        ("auth_token/remove", "DELETE", {"key_id": "none"}, 404),
        ("token/remove", "DELETE", {"auth_token": "{weak}"}, 403),
        ("settings/api/enable", "POST", {}, 200),
    ],
    ids=str,
)
async def test_answers_are_as_told(
    server: Server, weak: str, *, path: str, verb: str, fields: dict[str, str], status: int
) -> None:
    """Body, and the headers that the document promises."""
    shown = {"auth_token": server.root_token} | fields
    sent = {name: value.format(weak=weak) for name, value in shown.items()}
    async with (
        ClientSession(server.url) as http,
        http.request(verb, f"/api/v1/{path}", params=sent) as response,
    ):
        assert response.status == status
        schema = answer_schema(f"/api/v1/{path}", verb.lower(), status)
        assert is_valid(schema, SCHEMAS, await response.json())
        told = answer(f"/api/v1/{path}", verb.lower(), status)["headers"]
        assert all(name in response.headers for name in told)
