"""The only reader of the environment; one frozen dataclass of settings."""

import os
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

ENVIRONMENT_PREFIX: Final = "API_TOKENS_"


def environment_name(flag: str) -> str:
    """The environment twin of a command-line flag: "data-dir" → "API_TOKENS_DATA_DIR"."""
    return ENVIRONMENT_PREFIX + flag.replace("-", "_").upper()


def environment_value(name: str) -> str | None:
    """What the environment says for `name`; an empty value counts as none."""
    return os.environ.get(name) or None


def default_data_dir() -> Path:
    """Where data lives unless told otherwise: the system's place for root, else the user's own."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/api-tokens")
    state = environment_value("XDG_DATA_HOME")
    return (Path(state) if state else Path.home() / ".local" / "share") / "api-tokens"


def _setting(
    default: Any, text: str, *, server: bool = False, within: tuple[float, float | None] = (1, None)
) -> Any:
    """Declare a setting.

    `default` is a value or a function that makes it, `text` says what it is for, `server` that only
    `serve` has use for it, `within` what a number must lie between.
    """
    given = {"default_factory": default} if callable(default) else {"default": default}
    return field(**given, metadata={"help": text, "server": server, "within": within})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator can set. Each field is a flag and an environment variable too."""

    data_dir: Path = _setting(default_data_dir, "Folder of the embedded database and the key file.")
    database_url: str | None = _setting(
        None, "PostgreSQL 14+ to use in place of the embedded one: postgresql://user@host/name"
    )
    embedded_user: str = _setting(
        "nobody", "System user the embedded database runs as when started by root."
    )
    key: str | None = _setting(
        None, "Digest keys themselves, current first, separated by commas (better: --key-file)."
    )
    key_file: Path | None = _setting(
        None, "File of digest keys, one a line, current first; DATA_DIR/key unless given."
    )
    recovery_key_file: Path | None = _setting(
        None, "File of recovery keys: sealed copies of secrets are kept, for admins to see again."
    )
    permissions: Path | None = _setting(None, "TOML file of permissions and roles.")
    token_prefix: str = _setting("apt", "What every token made here starts with.")

    # PostgreSQL indexes names, and no entry of an index may have more than 2,700 bytes.
    name_limit: int = _setting(255, "Characters a name may have.", within=(1, 600))
    permission_limit: int = _setting(256, "Entries a permission map may have.")
    metadata_limit: int = _setting(4096, "Bytes a token's metadata may have.", within=(2, None))
    page_limit: int = _setting(100, "Rows one page may have.")

    password_memory: int = _setting(
        65_536, "KiB of memory that checking one password takes.", within=(32, 4_194_304)
    )
    password_workers: int = _setting(2, "Passwords checked at a time.", within=(1, 64))

    host: str = _setting("127.0.0.1", "Address to listen on.", server=True)
    port: int = _setting(
        8080, "Port to listen on; 0 takes any free one.", server=True, within=(0, 65535)
    )
    workers: int = _setting(1, "Processes that answer, on one port.", server=True, within=(1, 256))
    cache_limit: int = _setting(
        1_000_000, "Tokens each process keeps in memory; 0: none.", server=True, within=(0, None)
    )
    usage_interval: float = _setting(
        5.0,
        "Seconds between two writes of what tokens were used.",
        server=True,
        within=(0.01, 3600),
    )
    gateway_token: str | None = _setting(
        None, "Secret that gateways must show at /auth, as X-Gateway-Token.", server=True
    )
    body_limit: int = _setting(1024 * 1024, "Bytes a request body may have.", server=True)
    database_connections: int = _setting(8, "Connections held to the database.", server=True)
    batch_limit: int = _setting(100, "Calls one JSON-RPC batch may have.", server=True)
    websocket_calls: int = _setting(
        32, "Calls in flight on one WebSocket; then frames wait.", server=True
    )
    websocket_connections: int = _setting(
        10_000, "WebSockets that may be open; more are refused.", server=True
    )
    websocket_idle: float = _setting(
        40.0, "Seconds a WebSocket may give no sign of life.", server=True, within=(0.01, 86_400)
    )
    websocket_patience: float = _setting(
        10.0,
        "Seconds a WebSocket's client may leave unread what it is sent.",
        server=True,
        within=(0.01, 86_400),
    )
    cors_origin: tuple[str, ...] = _setting(
        (),
        "Origin whose pages may call from browsers, or *; repeated, or separated by spaces.",
        server=True,
    )
    body_timeout: float = _setting(
        30.0, "Seconds a request body may take to arrive.", server=True, within=(0.001, 86_400)
    )
    # Longer than gateways keep theirs, so that it is not we who end a connection they use.
    keepalive_timeout: float = _setting(
        75.0, "Seconds a connection may sit idle.", server=True, within=(0, 86_400)
    )
    statement_timeout: float = _setting(
        5.0, "Seconds a statement may take.", server=True, within=(0.001, 86_400)
    )
    pool_wait: float = _setting(
        2.0, "Seconds a call waits for a database connection.", server=True, within=(0, 86_400)
    )
    session_idle: int = _setting(
        7 * 86_400, "Seconds a session lasts without being used.", server=True, within=(1, 10**9)
    )
    session_limit: int = _setting(
        30 * 86_400, "Seconds a session lasts at most.", server=True, within=(1, 10**9)
    )
    sign_in_attempts: int = _setting(
        10, "Failed sign-ins to one name at once; then one a minute.", server=True
    )
    sign_in_address_attempts: int = _setting(
        50, "Failed sign-ins from one address at once; then one every 10 seconds.", server=True
    )
    trusted_proxies: str | None = _setting(
        None,
        "Networks of gateways whose X-Forwarded-For is believed, separated by commas.",
        server=True,
    )
    seal_interval: float = _setting(
        5.0, "Seconds between two seals of the audit trail.", server=True, within=(0.01, 86_400)
    )
    shutdown_timeout: float = _setting(
        10.0, "Seconds calls in flight have at shutdown.", server=True, within=(0, 86_400)
    )

    def keys_path(self) -> Path:
        """Where the digest keys are kept."""
        return self.key_file or self.data_dir / "key"


def setting_fields(*, server: bool) -> list[Field[Any]]:
    """The settings as dataclass fields; those only `serve` has use for are left out for others."""
    return [f for f in fields(Settings) if server or not f.metadata["server"]]
