"""The permission registry, roles, and the one rule "may this caller grant or touch that"."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.errors import CannotStart, Code, NotHeld, Refusal, bad_request, not_found

NAME: Final = re.compile(r"[a-z][a-z0-9_.:-]{0,63}")
ROLE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
RESERVED: Final = frozenset({"*", "guest", "root", "user"})
ADMIN: Final = "admin"
VERIFY: Final = "verify"


@dataclass(frozen=True, slots=True)
class Permission:
    """Something a user or token may be allowed to do; `default` ones every new user holds."""

    name: str
    title: str
    description: str
    default: bool = False


@dataclass(frozen=True, slots=True)
class Role:
    """A preset of permissions."""

    name: str
    title: str
    permissions: tuple[str, ...]


# What the service itself asks for: always there, whatever an operator's file says.
OWN: Final = (
    Permission(ADMIN, "Administer", "Manage users, settings and other people's tokens."),
    Permission(VERIFY, "Verify", "Verify other users' tokens."),
)
EXAMPLES: Final = (
    Permission("read", "Read", "Read data.", default=True),
    Permission("write", "Write", "Change data.", default=True),
)
ROLES: Final = (
    Role("read-only", "Read-Only", ("read",)),
    Role("read-write", "Read and Write", ("read", "write")),
    Role("analyst", "Analyst", ("read", "write")),
    Role("admin", "Admin", ("read", "write", "admin", "verify")),
)


class PermissionRegistry:
    """Every permission and role this service knows."""

    def __init__(
        self, permissions: Iterable[Permission] = EXAMPLES + OWN, roles: Iterable[Role] = ROLES
    ) -> None:
        self.permissions = {p.name: p for p in permissions}
        self.roles = {r.name: r for r in roles}
        # name → whether it is default: all that SQL needs to tell what somebody holds
        self.known = {p.name: p.default for p in self.permissions.values()}

    def role(self, name: str) -> Role:
        """The role of that name, or a refusal."""
        if name not in self.roles:
            raise bad_request(f'Role "{name}" is not valid')
        return self.roles[name]

    def check_names(self, names: Iterable[str]) -> None:
        """Refuse names that are reserved or unknown."""
        for name in names:
            if name not in self.permissions:
                raise bad_request(f'Permission "{name}" is not valid')

    def check_grant(self, held: Mapping[str, bool], wanted: Mapping[str, bool]) -> None:
        """Refuse to grant what the granting caller does not effectively hold itself."""
        self.check_names(wanted)
        for name, granted in wanted.items():
            if granted and not held.get(name, False):
                raise NotHeld(name)

    def exactly(self, names: Iterable[str]) -> dict[str, bool]:
        """A user's map under which they hold these and nothing else, defaults included."""
        wanted = set(names)
        self.check_names(wanted)
        return {name: name in wanted for name in self.known if name in wanted or self.known[name]}

    def describe(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        """Title and description of each name, for people to read."""
        shown = (self.permissions[name] for name in names)
        return {p.name: {"title": p.title, "description": p.description} for p in shown}


def checked_touch(row: Mapping[str, Any] | None, missing: str) -> Mapping[str, Any]:
    """A row that tells whether the caller was allowed to touch what it stands for.

    The statement itself has obeyed already (dominance stands in its WHERE); here its verdict
    becomes an answer. `missing` is the text for no row: not there, or not the caller's.
    """
    if row is None:
        raise not_found(missing)
    if not row["allowed"]:
        raise Refusal(Code.ACCESS_DENIED, "Access denied: it holds permissions you do not hold")
    return row


def permission_map(row: Mapping[str, Any]) -> dict[str, bool]:
    """A token's permissions over all that its owner holds: what may be switched, and what is on."""
    return {name: name in row["effective"] for name in row["held"]}


def load(path: Path | None) -> PermissionRegistry:
    """The registry of an operator's file, or the built-in one.

    Raises:
        CannotStart: the file cannot be read, or is not as it should be.
    """
    if path is None:
        return PermissionRegistry()
    try:
        return parse(path.read_text("utf-8"), str(path))
    except OSError as error:
        raise CannotStart(f"cannot read the permission file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CannotStart(f"cannot read the permission file {path}: it is not UTF-8") from None


def parse(text: str, source: str) -> PermissionRegistry:
    """The registry an operator's TOML file describes.

    `[permissions.NAME]` tables (title, description, default) replace the example permissions;
    `admin` and `verify` stay. `[roles.NAME]` tables (title, permissions) replace all roles;
    without any, those built-in roles stay whose permissions are all there.

    Raises:
        CannotStart: the file is not as it should be; the text names `source` and the key.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CannotStart(f"{source}: {error}") from None
    reader = _Reader(source)
    reader.check_keys("", document, {"permissions", "roles"})
    permissions: tuple[Permission, ...] = EXAMPLES + OWN
    if "permissions" in document:
        own = {p.name: p for p in OWN}
        given = [reader.permission(*item) for item in reader.tables("permissions", document)]
        permissions = tuple((own | {p.name: p for p in given}).values())
    names = {p.name for p in permissions}
    roles: Iterable[Role] = [r for r in ROLES if names.issuperset(r.permissions)]
    if "roles" in document:
        roles = [reader.role(*item, names) for item in reader.tables("roles", document)]
    return PermissionRegistry(permissions, roles)


class _Reader:
    """Reads the tables of a permission file; every complaint names the file and the key."""

    def __init__(self, source: str) -> None:
        self.source = source

    def fail(self, key: str, text: str) -> CannotStart:
        return CannotStart(f"{self.source}: {key}: {text}")

    def check_keys(self, key: str, table: Mapping[str, Any], allowed: set[str]) -> None:
        for name in table.keys() - allowed:
            raise self.fail(f"{key}.{name}" if key else name, "is not a key of this file")

    def tables(self, key: str, document: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        tables = document[key]
        if not isinstance(tables, dict):
            raise self.fail(key, "must be a table")
        for name, table in tables.items():
            if not isinstance(table, dict):
                raise self.fail(f"{key}.{name}", "must be a table")
        return list(tables.items())

    def value(self, key: str, table: Mapping[str, Any], name: str, default: Any) -> Any:
        value = table.get(name, default)
        if type(value) is not type(default):
            raise self.fail(f"{key}.{name}", f"must be a {type(default).__name__}")
        return value

    def permission(self, name: str, table: Mapping[str, Any]) -> Permission:
        key = f"permissions.{name}"
        self.check_keys(key, table, {"title", "description", "default"})
        if not NAME.fullmatch(name) or name in RESERVED:
            raise self.fail(key, f"a permission's name must match {NAME.pattern}, not reserved")
        title = self.value(key, table, "title", name)
        description = self.value(key, table, "description", "")
        return Permission(name, title, description, self.value(key, table, "default", False))

    def role(self, name: str, table: Mapping[str, Any], known: set[str]) -> Role:
        key = f"roles.{name}"
        self.check_keys(key, table, {"title", "permissions"})
        if not ROLE_NAME.fullmatch(name):
            raise self.fail(key, f"a role's name must match {ROLE_NAME.pattern}")
        permissions: list[Any] = self.value(key, table, "permissions", [])
        for permission in permissions:
            if not isinstance(permission, str) or permission not in known:
                raise self.fail(f"{key}.permissions", f"{permission!r} is not a permission")
        return Role(name, self.value(key, table, "title", name), tuple(permissions))
