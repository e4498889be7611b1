from pathlib import Path
from typing import Any

import pytest

from app.errors import CannotStart, Code, Refusal
from app.permissions import (
    NAME,
    RESERVED,
    PermissionRegistry,
    checked_touch,
    load,
    parse,
    permission_map,
)

REGISTRY = PermissionRegistry()
OPERATORS_FILE = """\
[permissions.deploy]
title = "Deploy"
description = "Roll out a release."

[permissions."logs:read"]
default = true

[roles.Release-Manager]
title = "Release manager"
permissions = ["deploy", "logs:read"]

[roles.idle]
"""


def test_the_built_in_permissions() -> None:
    """Reading and writing are what every new user holds; the others are given one by one."""
    expected = {"read": True, "write": True, "admin": False, "verify": False}
    assert REGISTRY.known == expected


@pytest.mark.parametrize(
    ("role", "permissions"),
    [
        ("read-only", ["read"]),
        ("read-write", ["read", "write"]),
        ("analyst", ["read", "write"]),
        ("admin", ["read", "write", "admin", "verify"]),
    ],
)
def test_the_built_in_roles(role: str, permissions: list[str]) -> None:
    """Each role is the preset that the design gives it."""
    assert list(REGISTRY.role(role).permissions) == permissions


@pytest.mark.parametrize("name", ["", "Admin", "root", "read-only ", "constructor"])
def test_an_unknown_role_is_named(name: str) -> None:
    """A role is looked up as it is spelled."""
    with pytest.raises(Refusal) as caught:
        REGISTRY.role(name)
    assert (caught.value.code, caught.value.text) == (400, f'Role "{name}" is not valid')


@pytest.mark.parametrize("name", ["fly", "", "Read", "read ", *sorted(RESERVED)])
def test_an_unknown_permission_is_named(name: str) -> None:
    """Names that are unknown or reserved are refused, beside good ones too."""
    with pytest.raises(Refusal) as caught:
        REGISTRY.check_names(["read", name])
    assert (caught.value.code, caught.value.text) == (400, f'Permission "{name}" is not valid')


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        ({}, {}),
        ({"read": True}, {"read": True}),
        ({"read": True}, {"read": True, "write": False, "admin": False}),
        ({}, {"admin": False}),
        ({"read": True, "admin": True}, {"admin": True}),
    ],
)
def test_who_holds_it_may_grant_it(held: dict[str, bool], wanted: dict[str, bool]) -> None:
    """A subset of what is held may be granted, and anything at all may be withheld."""
    REGISTRY.check_grant(held, wanted)


@pytest.mark.parametrize(
    ("held", "wanted", "missing"),
    [
        ({}, {"read": True}, "read"),
        ({"read": True}, {"read": True, "write": True}, "write"),
        ({"read": False}, {"read": True}, "read"),
        ({"read": True, "write": True}, {"read": True, "admin": True}, "admin"),
        ({"admin": True}, {"verify": True}, "verify"),  # an administrator is no exception
    ],
)
def test_nobody_grants_what_they_do_not_hold(
    held: dict[str, bool], wanted: dict[str, bool], missing: str
) -> None:
    """The first permission that the caller lacks is named."""
    with pytest.raises(Refusal) as caught:
        REGISTRY.check_grant(held, wanted)
    assert caught.value.code is Code.ACCESS_DENIED
    assert caught.value.text == f'Access denied: you do not hold permission "{missing}"'


def test_a_name_must_exist_even_to_be_withheld() -> None:
    """A misspelt name that is set to false would else be thought to be taken away."""
    with pytest.raises(Refusal) as caught:
        REGISTRY.check_grant({"read": True}, {"raed": False})
    assert caught.value.text == 'Permission "raed" is not valid'


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], {"read": False, "write": False}),
        (["read"], {"read": True, "write": False}),
        (["admin"], {"read": False, "write": False, "admin": True}),
        (["read", "read", "write"], {"read": True, "write": True}),
    ],
)
def test_exactly_these_and_no_defaults(names: list[str], expected: dict[str, bool]) -> None:
    """The map names each default that is not wanted, since a silent map would grant it."""
    assert REGISTRY.exactly(names) == expected


def test_exactly_refuses_unknown_names() -> None:
    """A name that is not there cannot be given to a user."""
    with pytest.raises(Refusal, match=r'^Permission "fly" is not valid$'):
        REGISTRY.exactly(["read", "fly"])


def test_describes_permissions_for_people() -> None:
    """Title and description of those asked for, by name."""
    assert REGISTRY.describe(["verify"]) == {
        "verify": {"title": "Verify", "description": "Verify other users' tokens."}
    }


def test_no_row_is_not_found() -> None:
    """What is not there and what is not the caller's give the text of the method."""
    with pytest.raises(Refusal) as caught:
        checked_touch(None, "Token not found")
    assert (caught.value.code, caught.value.text) == (404, "Token not found")


def test_a_forbidden_row_is_denied() -> None:
    """The statement's verdict becomes an answer."""
    with pytest.raises(Refusal) as caught:
        checked_touch({"allowed": False}, "Token not found")
    assert (caught.value.code, caught.value.status) == (-32811, 403)


def test_an_allowed_row_is_passed_on() -> None:
    """A method goes on with the row that it got."""
    row = {"allowed": True, "id": "x"}
    assert checked_touch(row, "Token not found") is row


def test_a_map_covers_all_that_the_owner_holds() -> None:
    """What is in effect is true, what could be switched on is false, nothing else is there."""
    row = {"effective": {"read": True}, "held": {"read": True, "write": True}}
    assert permission_map(row) == {"read": True, "write": False}


def test_without_a_file_the_built_in_set_holds() -> None:
    """An operator need not give a file."""
    assert load(None).known == REGISTRY.known


def test_a_file_replaces_the_examples(tmp_path: Path) -> None:
    """An operator's permissions stand in place of read and write; the service's own stay."""
    path = tmp_path / "permissions.toml"
    path.write_text(OPERATORS_FILE)
    expected = {"admin": False, "verify": False, "deploy": False, "logs:read": True}
    assert load(path).known == expected


def test_a_file_replaces_the_roles() -> None:
    """An operator's roles stand in place of the built-in ones; a role may be empty."""
    roles = parse(OPERATORS_FILE, "F").roles
    assert {name: role.permissions for name, role in roles.items()} == {
        "Release-Manager": ("deploy", "logs:read"),
        "idle": (),
    }


def test_titles_fall_back_to_names() -> None:
    """Only the name of a permission or role must be given."""
    registry = parse(OPERATORS_FILE, "F")
    assert registry.describe(["deploy", "logs:read"]) == {
        "deploy": {"title": "Deploy", "description": "Roll out a release."},
        "logs:read": {"title": "logs:read", "description": ""},
    }
    assert registry.roles["idle"].title == "idle"


def test_a_file_may_retell_the_services_own() -> None:
    """`admin` and `verify` may get another title, and be told by nobody to go away."""
    registry = parse('[permissions.admin]\ntitle = "Boss"\n', "F")
    assert registry.known.keys() == {"admin", "verify"}
    assert registry.permissions["admin"].title == "Boss"


def test_without_roles_those_stay_that_still_make_sense() -> None:
    """A built-in role survives a file if all its permissions do."""
    assert parse("", "F").roles.keys() == REGISTRY.roles.keys()
    assert parse("[permissions.read]", "F").roles.keys() == {"read-only"}
    assert parse("[permissions.fly]", "F").roles.keys() == set()


COMPLAINTS: list[tuple[Any, str]] = [
    ("x = 1", "x: is not a key of this file"),
    ("[permission.read]", "permission: is not a key of this file"),
    ("permissions = 1", "permissions: must be a table"),
    ("permissions = []", "permissions: must be a table"),
    ("[permissions]\nread = true", "permissions.read: must be a table"),
    ("[[permissions.read]]", "permissions.read: must be a table"),
    ("[permissions.read]\ntitel = 'x'", "permissions.read.titel: is not a key of this file"),
    ("[permissions.read]\ntitle = 1", "permissions.read.title: must be a str"),
    ("[permissions.read]\ndescription = []", "permissions.read.description: must be a str"),
    ("[permissions.read]\ndefault = 1", "permissions.read.default: must be a bool"),
    ("[permissions.read]\ndefault = 'true'", "permissions.read.default: must be a bool"),
    *(
        (
            f'[permissions."{name}"]',
            f"permissions.{name}: a permission's name must match {NAME.pattern}, not reserved",
        )
        for name in ["", "Read", "1st", "a b", "ä", "a" * 65, *sorted(RESERVED)]
    ),
    ("roles = 'all'", "roles: must be a table"),
    ("[roles]\nall = ['read']", "roles.all: must be a table"),
    ("[roles.all]\nname = 'x'", "roles.all.name: is not a key of this file"),
    ("[roles.all]\ntitle = true", "roles.all.title: must be a str"),
    ("[roles.all]\npermissions = 'read'", "roles.all.permissions: must be a list"),
    ("[roles.all]\npermissions = ['fly']", "roles.all.permissions: 'fly' is not a permission"),
    ("[roles.all]\npermissions = [1]", "roles.all.permissions: 1 is not a permission"),
    (
        "[roles.all]\npermissions = [['read']]",
        "roles.all.permissions: ['read'] is not a permission",
    ),
    ("[roles.all]\npermissions = [{}]", "roles.all.permissions: {} is not a permission"),
    (
        '[roles."a b"]',
        "roles.a b: a role's name must match [A-Za-z0-9][A-Za-z0-9_.:-]{0,63}",
    ),
    (
        "[permissions.fly]\n[roles.all]\npermissions = ['read']",
        "roles.all.permissions: 'read' is not a permission",
    ),
]


@pytest.mark.parametrize(("text", "complaint"), COMPLAINTS)
def test_a_complaint_names_the_file_and_the_key(text: str, complaint: str) -> None:
    """Whatever is wrong with the file, the operator reads where it is."""
    with pytest.raises(CannotStart) as caught:
        parse(text, "/etc/permissions.toml")
    assert str(caught.value) == f"/etc/permissions.toml: {complaint}"


def test_a_file_that_is_no_toml_is_named() -> None:
    """The parser's own complaint follows the name of the file, on one line."""
    with pytest.raises(CannotStart, match=r"^F: .*line 1, column") as caught:
        parse("[permissions.read\n", "F")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file or directory"), (b"\xff", "it is not UTF-8")],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    """A file that is absent or no text stops the start with one line."""
    path = tmp_path / "permissions.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CannotStart) as caught:
        load(path)
    assert str(caught.value) == f"cannot read the permission file {path}: {reason}"
