"""What holds for every method: who is refused, what is refused, and that its examples are true."""

from collections.abc import Mapping
from typing import Any, Final

import asyncpg
import orjson
import pytest

from app import registry
from app.permissions import PermissionRegistry
from app.registry import Method
from app.validation import is_valid
from tests.conftest import MemberMaker
from tests.support import Api

REGISTRY: Final = registry.load(PermissionRegistry())
METHODS: Final = sorted(REGISTRY.methods.values(), key=lambda method: method.name)
EXAMPLE_TOKEN: Final = "01900000-0000-7000-8000-000000000001"
EXAMPLE_USER: Final = "01900000-0000-7000-8000-000000000002"
EXAMPLE_PASSWORD: Final = "correct horse battery"

every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
every_guarded_method = pytest.mark.parametrize(
    "method",
    [method for method in METHODS if method.permission != "guest"],
    ids=lambda method: method.name,
)
every_example = pytest.mark.parametrize(
    ("method", "example"),
    [(method, example) for method in METHODS for example in method.schema["examples"]],
    ids=lambda value: value.name if isinstance(value, Method) else value["name"],
)


def arguments(method: Method) -> list[Any]:
    """Arguments that are right, from the method's first example."""
    return [param["value"] for param in method.schema["examples"][0]["params"]]


def wire(method: Method) -> str:
    """The name as `Api` takes it."""
    return method.name.removeprefix("/v1/")


@every_guarded_method
async def test_refuses_a_caller_without_a_token(root: Api, method: Method) -> None:
    """Without credentials the answer is "access denied", and asks for some."""
    refusal = await root.bearing(None).refusal(wire(method), *arguments(method))
    assert (refusal.code, refusal.status) == (-32811, 401)


@every_guarded_method
async def test_refuses_a_dead_token(root: Api, method: Method) -> None:
    """A token that was deleted gets the same answer everywhere."""
    made = await root("api-tokens/create", "dead")
    await root("api-tokens/delete", made["id"])
    refusal = await root.bearing(made["token"]).refusal(wire(method), *arguments(method))
    assert (refusal.code, refusal.status) == (-32815, 401)


@every_guarded_method
async def test_refuses_a_caller_without_the_permission(
    root: Api, member: MemberMaker, method: Method
) -> None:
    """A token without the schema file's permission is refused; for "user" any token will do."""
    others = [name for name in PermissionRegistry().known if name != method.permission]
    caller = await member("somebody", others)
    result = await caller.result(wire(method), *arguments(method))
    refused = getattr(result, "code", None) == -32811
    assert refused == (method.permission != "user")


@every_method
async def test_refuses_too_many_arguments(root: Api, method: Method) -> None:
    """One argument more than the schema has is refused."""
    too_many = [None] * (len(method.schema["params"]) + 1)
    refusal = await root.refusal(wire(method), *too_many)
    assert (refusal.code, str(refusal.faults[0])) == (-32808, "Invalid number of arguments")


@every_method
@pytest.mark.parametrize("wrong", [17, [17], {"no such member": 1}, "\0"], ids=repr)
async def test_refuses_arguments_of_a_wrong_shape(root: Api, method: Method, wrong: Any) -> None:
    """Each argument that is of no use is refused, at its place."""
    for index, param in enumerate(method.schema["params"]):
        if wrong == {"no such member": 1} and "PermissionMap" in str(param["schema"]):
            continue  # that one is refused for its name, by the permission rules
        given = arguments(method)[: len(method.schema["params"])]
        given += [None] * (index + 1 - len(given))
        given[index] = wrong
        refusal = await root.refusal(wire(method), *given)
        assert refusal.code == -32808
        assert refusal.faults[0].path.startswith(f"/{index}")


def shape(value: Any) -> Any:
    """A value without what differs from run to run: the types of things, and their names."""
    if isinstance(value, dict):
        return {name: type(member) for name, member in value.items() if name != "expires"}
    return [shape(value[0])] if isinstance(value, list) and value else value


@every_example
async def test_the_examples_are_true(
    root: Api, sql: "asyncpg.Connection", method: Method, example: Mapping[str, Any]
) -> None:
    """Each example can be called as it stands, and its result is shaped as the schema says."""
    owner = await sql.fetchval("select id from users where name = 'root'")
    await sql.execute(
        "insert into api_tokens"
        " (id, user_id, name, role, permissions, digest, digest_scheme, hint, created_by) values"
        " ($1, $2, 'ci', 'read-only', '{\"read\": true}', '\\x00', 'none', 'apt_…Q5rX', $3)",
        EXAMPLE_TOKEN,
        owner,
        orjson.dumps(
            dict.fromkeys(("user_id", "user_name"), "") | dict.fromkeys(("token_id", "token_name"))
        ).decode(),
    )
    hashed = await root.services.dispatcher.accounts.passwords.hash(EXAMPLE_PASSWORD)
    await sql.execute(
        "insert into users (id, name, password_hash) values ($1, 'alice', $2)",
        EXAMPLE_USER,
        hashed,
    )
    caller = root
    if method.name == "/v1/session/sign-out":
        signed_in = await root("session/sign-in", "alice", EXAMPLE_PASSWORD)
        caller = root.bearing(signed_in["token"])
    data = await caller(wire(method), *(param["value"] for param in example["params"]))
    shown = example["result"]["value"]
    assert is_valid(method.schema["result"]["schema"], REGISTRY.components, shown)
    assert shape(data) == shape(shown)
