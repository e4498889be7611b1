"""What holds for every method: who is refused, what is refused, and that its examples are true."""

from typing import Any

import asyncpg
import pytest

from app.permissions import PermissionRegistry
from app.registry import Method
from app.validation import is_valid
from tests.conftest import MemberMaker
from tests.examples import (
    EXAMPLE_PASSWORD,
    EXAMPLES,
    METHODS,
    REGISTRY,
    Example,
    examples_of,
    set_up,
    shape,
)
from tests.support import Api

every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
every_guarded_method = pytest.mark.parametrize(
    "method",
    [method for method in METHODS if method.permission != "guest"],
    ids=lambda method: method.name,
)
every_example = pytest.mark.parametrize("example", EXAMPLES, ids=str)


def arguments(method: Method) -> list[Any]:
    """Arguments that are right, from the method's first example."""
    return list(examples_of(method)[0].arguments)


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


@every_example
async def test_the_examples_are_true(
    root: Api, sql: "asyncpg.Connection", example: Example
) -> None:
    """Each example can be called as it stands, and its result is shaped as the schema says."""
    passwords = root.services.dispatcher.accounts.passwords
    await set_up(sql, await passwords.hash(EXAMPLE_PASSWORD))
    caller = root
    if example.needs_session:
        signed_in = await root("session/sign-in", "alice", EXAMPLE_PASSWORD)
        caller = root.bearing(signed_in["token"])
    data = await caller(wire(example.method), *example.arguments)
    schema = example.method.schema["result"]["schema"]
    assert is_valid(schema, REGISTRY.components, example.answer)
    assert shape(data) == shape(example.answer)
