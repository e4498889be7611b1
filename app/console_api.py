"""The older console REST API as a table: every endpoint, what it takes, and what that comes to.

It is the API of Thinkst Canary's console, in both its generations, whose clients go on working.
`app.wire.console_v1` obeys the table and `app.docs` prints it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

from app.permissions import ADMIN

BASE: Final = "/api/v1"
# What is below these is this API's, whether or not there is such an endpoint.
TREES: Final = tuple(f"{BASE}/{name}" for name in ("auth_token", "ping", "settings/api", "token"))
# Type of a key → how it is shown; the types are roles.
TYPES: Final[Mapping[str, str]] = {
    "read-only": "Read-Only",
    "analyst": "Analyst",
    "admin": "Admin",
}
# What the older names are called since, and when that was said first (RFC 9745): 2026-12-01.
DEPRECATED: Final = "@1796083200"


@dataclass(frozen=True, slots=True)
class Field:
    """What a form or a query may say; one of `values`, if there are some."""

    name: str
    summary: str
    values: tuple[str, ...] = ()


AUTH_TOKEN: Final = Field("auth_token", "The key that calls.")
NOTE: Final = Field("note", "What the key is for.")
TYPE: Final = Field("auth_token_type", "What it may do.", tuple(TYPES))
KEY_ID: Final = Field("key_id", "Which key.")


class Named(Enum):
    """What arguments say in place of what no field can say."""

    TOKEN_ID = "that of the token with the given key_id, or else of the one that calls"  # noqa: S105


class Shown(Enum):
    """What an answer has beside `result`."""

    NOTHING = "nothing"
    KEY = "the new key, with its secret"
    SECRET = "the new secret"  # noqa: S105 - no secret itself
    KEYS = "every key"
    FILE = "a configuration file"


# Arguments of a method, where a field stands for its value.
Template: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Action:
    """What a call comes to: the method that runs, what it is given, and how the answer is told.

    `permission` is asked for beside what the method does.
    """

    summary: str
    method: str
    arguments: tuple[Template, ...]
    shown: Shown = Shown.NOTHING
    required: tuple[Field, ...] = ()
    optional: tuple[Field, ...] = ()
    permission: str = ADMIN

    @property
    def fields(self) -> tuple[Field, ...]:
        """Every field that it knows, but for the key."""
        return self.required + self.optional

    def places(self) -> dict[str, Field]:
        """Where in the arguments each field stands: JSON pointer → field."""
        return dict(_places("", list(self.arguments)))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path with its one verb: it means the first action of which a field is given, or the last.

    `successor` is the path that stands in its place since, where it is deprecated.
    """

    verb: str
    path: str
    actions: tuple[Action, ...]
    successor: str | None = None


def _places(path: str, template: Template) -> Iterator[tuple[str, Field]]:
    if isinstance(template, Field):
        yield path, template
    elif isinstance(template, dict):
        for name, part in template.items():
            yield from _places(f"{path}/{name}", part)
    elif isinstance(template, list):
        for number, part in enumerate(template):
            yield from _places(f"{path}/{number}", part)


_PING: Final = Action("Tell that the key is good", "session/read", (), permission="user")
_ADD: Final = Action(
    "Make a key",
    "api-tokens/create",
    (NOTE, {"role": TYPE}),
    Shown.KEY,
    required=(TYPE, NOTE),
)
_ROTATE: Final = Action(
    "Give the key that calls a new secret",
    "api-tokens/rotate",
    (Named.TOKEN_ID,),
    Shown.SECRET,
)
_LIST: Final = Action(
    "List the keys of the user whose key calls",
    "api-tokens/read",
    ({"order_by": ["created"], "secrets": True},),
    Shown.KEYS,
    permission="user",
)
_DOWNLOAD: Final = Action(
    "Get a configuration file with a key, or with the one that calls",
    "api-tokens/read",
    ({"id": Named.TOKEN_ID, "secrets": True},),
    Shown.FILE,
    optional=(KEY_ID,),
)
_REMOVE: Final = Action("End a key", "api-tokens/delete", (Named.TOKEN_ID,), required=(KEY_ID,))
_REMOVE_ANY: Final = Action(
    "End a key, or the one that calls", "api-tokens/delete", (Named.TOKEN_ID,), optional=(KEY_ID,)
)
_DISABLE: Final = Action(
    "Refuse every key, until somebody who has signed in takes them again",
    "settings/set-api-enabled",
    (False,),
)
_ENABLE: Final = Action(
    "Take keys again; where they are refused, so is this", "settings/set-api-enabled", (True,)
)


def _endpoint(verb: str, name: str, *actions: Action, successor: str | None = None) -> Endpoint:
    return Endpoint(verb, f"{BASE}/{name}", actions, successor and f"{BASE}/{successor}")


ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    endpoint.path: endpoint
    for endpoint in (
        _endpoint("GET", "ping", _PING),
        _endpoint("POST", "auth_token/add", _ADD),
        _endpoint("GET", "auth_token/list", _LIST),
        _endpoint("GET", "auth_token/download", _DOWNLOAD),
        _endpoint("DELETE", "auth_token/remove", _REMOVE),
        _endpoint("POST", "settings/api/disable", _DISABLE),
        _endpoint("POST", "settings/api/enable", _ENABLE),
        _endpoint("POST", "token/add", _ADD, _ROTATE, successor="auth_token/add"),
        _endpoint("GET", "token/download", _DOWNLOAD, successor="auth_token/download"),
        _endpoint("DELETE", "token/remove", _REMOVE_ANY, successor="auth_token/remove"),
    )
}


def is_below(path: str) -> bool:
    """Whether a path is this API's."""
    return path.startswith(TREES) and any(
        path == tree or path.startswith(f"{tree}/") for tree in TREES
    )
