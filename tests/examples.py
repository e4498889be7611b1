"""The examples of the schema files: each with its method, and what they find in the database."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import asyncpg
import orjson

from app import registry
from app.permissions import PermissionRegistry
from app.registry import Method

REGISTRY: Final = registry.load(PermissionRegistry())
METHODS: Final = sorted(REGISTRY.methods.values(), key=lambda method: method.name)
EXAMPLE_TOKEN: Final = "01900000-0000-7000-8000-000000000001"
EXAMPLE_SECRET: Final = "apt_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo41Q5rX"
EXAMPLE_USER: Final = "01900000-0000-7000-8000-000000000002"
EXAMPLE_PASSWORD: Final = "correct horse battery"
SIGN_OUT: Final = "/v1/session/sign-out"
_CREATED_BY: Final = {"user_id": "", "user_name": "", "token_id": None, "token_name": None}

Sql: TypeAlias = "asyncpg.Connection[Any]"


@dataclass(frozen=True)
class Example:
    """One example of a method."""

    method: Method
    name: str
    arguments: list[Any]
    answer: Any

    @property
    def needs_session(self) -> bool:
        """Whether it is called by somebody who has signed in."""
        return self.method.name == SIGN_OUT

    def __str__(self) -> str:
        """What a test of it is called."""
        return f"{self.method.name}-{self.name}"


def examples_of(method: Method) -> list[Example]:
    """The examples of a method, in the order of its schema file."""
    return [_example(method, shown) for shown in method.schema["examples"]]


def _example(method: Method, shown: Mapping[str, Any]) -> Example:
    arguments = [param["value"] for param in shown["params"]]
    return Example(method, shown["name"], arguments, shown["result"]["value"])


EXAMPLES: Final = [example for method in METHODS for example in examples_of(method)]


async def set_up(sql: Sql, password_hash: str) -> None:
    """Make what the examples speak of: a token of root's, and the user alice with this password."""
    await sql.execute(
        "insert into api_tokens"
        " (id, user_id, name, role, permissions, digest, digest_scheme, hint, created_by, rotated)"
        " select $1, id, 'ci', 'read-only', '{\"read\": true}', $3, 'sha256', 'apt_…Q5rX', $2,"
        " now()"
        " from users where name = 'root'",
        EXAMPLE_TOKEN,
        orjson.dumps(_CREATED_BY).decode(),
        hashlib.sha256(EXAMPLE_SECRET.encode()).digest(),
    )
    await sql.execute(
        "insert into token_usage"
        " (token_id, day, verifications, last_used, permissions, previous, previous_last_used)"
        " values ($1, (now() at time zone 'UTC')::date, 1, now(), '{\"read\": 1}', 1, now())",
        EXAMPLE_TOKEN,
    )
    # Where the service runs it may have written for today already.
    await sql.execute(
        "insert into service_usage (day, verifications, tokens)"
        " values ((now() at time zone 'UTC')::date, 1, 1) on conflict do nothing"
    )
    await sql.execute(
        "insert into users (id, name, password_hash) values ($1, 'alice', $2)",
        EXAMPLE_USER,
        password_hash,
    )


async def put_back(sql: Sql) -> None:
    """Leave nothing but the root user, and the token that a first start shows."""
    await sql.execute("delete from api_tokens where name <> 'root'")
    await sql.execute("delete from users where name <> 'root'")
    await sql.execute("update settings set api_enabled = true")


def shape(value: Any) -> Any:
    """A value without what differs from run to run: the types of things, and their names."""
    if isinstance(value, dict):
        return {name: type(member) for name, member in value.items() if name != "expires"}
    return [shape(value[0])] if isinstance(value, list) and value else value
