import os
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from app.config import (
    Settings,
    default_data_dir,
    environment_name,
    environment_value,
    setting_fields,
)

# What design.md section 8 and the documents promise of a service that was told nothing.
DEFAULTS = {
    "database_url": None,
    "database_connections": 8,
    "embedded_user": "nobody",
    "key": None,
    "key_file": None,
    "permissions": None,
    "token_prefix": "apt",
    "host": "127.0.0.1",
    "port": 8080,
    "body_limit": 1_048_576,
    "name_limit": 255,
    "permission_limit": 256,
    "metadata_limit": 4096,
    "page_limit": 100,
    "statement_timeout": 5.0,
    "pool_wait": 2.0,
    "session_idle": 7 * 86_400,
    "session_limit": 30 * 86_400,
    "sign_in_attempts": 10,
    "sign_in_address_attempts": 50,
    "password_memory": 65_536,
    "password_workers": 2,
    "trusted_proxies": None,
    "seal_interval": 5.0,
}


@pytest.mark.parametrize(
    ("flag", "name"),
    [("port", "API_TOKENS_PORT"), ("database-url", "API_TOKENS_DATABASE_URL")],
)
def test_a_flag_has_a_twin_in_the_environment(flag: str, name: str) -> None:
    """The variable is spelled as the flag, in capitals and under our prefix."""
    assert environment_name(flag) == name


def test_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value is taken as it stands there, spaces included."""
    monkeypatch.setenv("API_TOKENS_HOST", " ::1 ")
    assert environment_value("API_TOKENS_HOST") == " ::1 "


def test_an_empty_value_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """`API_TOKENS_KEY= api-tokens serve` is a service that was given no key."""
    monkeypatch.setenv("API_TOKENS_KEY", "")
    assert environment_value("API_TOKENS_KEY") is None


def test_an_absent_value_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment does not name is not set."""
    monkeypatch.delenv("API_TOKENS_KEY", raising=False)
    assert environment_value("API_TOKENS_KEY") is None


def test_settings_do_not_read_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only flags do: what is made in a program is what the program says."""
    monkeypatch.setenv("API_TOKENS_PORT", "1")
    assert Settings().port == 8080


@pytest.mark.parametrize(("name", "default"), DEFAULTS.items())
def test_defaults(name: str, default: Any) -> None:
    """A service that was told nothing keeps to the limits of the design."""
    assert getattr(Settings(), name) == default


def test_settings_cannot_be_changed() -> None:
    """Nobody can turn a setting while the service runs."""
    with pytest.raises(FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]


def test_the_key_file_lies_in_the_data_directory() -> None:
    """Unless it is told where else."""
    assert Settings(data_dir=Path("/d")).keys_path() == Path("/d/key")
    assert Settings(data_dir=Path("/d"), key_file=Path("/k")).keys_path() == Path("/k")


def test_root_keeps_its_data_where_the_system_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that root starts has the system's place."""
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/elsewhere")
    assert default_data_dir() == Path("/var/lib/api-tokens")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("/state", "/state/api-tokens"),
        ("", "/home/ann/.local/share/api-tokens"),
        (None, "/home/ann/.local/share/api-tokens"),
    ],
)
def test_a_user_keeps_data_at_home(
    monkeypatch: pytest.MonkeyPatch, state: str | None, expected: str
) -> None:
    """Where the desktop says, else below the home directory."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    if state is not None:
        monkeypatch.setenv("XDG_DATA_HOME", state)
    assert default_data_dir() == Path(expected)


def test_every_setting_is_explained() -> None:
    """Each has a text for `--help` that ends as a sentence or names its default."""
    texts = {field.name: field.metadata["help"] for field in setting_fields(server=True)}
    assert texts.keys() == Settings.__dataclass_fields__.keys()
    assert all(len(text) > 10 for text in texts.values())


def test_commands_on_data_do_not_listen() -> None:
    """Only `serve` has flags for addresses and limits; all have those that find the data."""
    names = {field.name for field in setting_fields(server=False)}
    assert {"data_dir", "database_url", "key", "key_file", "permissions"} <= names
    assert not {"host", "port", "body_limit", "shutdown_timeout"} & names
