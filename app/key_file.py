"""Files of keys: that of the digest keys is made on first start, and read ever after."""

import base64
import binascii
import os
import secrets
from pathlib import Path
from typing import Final

from app.errors import CannotStart
from app.token_format import Key

KEY_BYTES: Final = 32
_HEADING: Final = """\
# Keys of the digests under which API tokens are stored, current first. Keep this file: without it
# no token works. To retire the current key put a new one above it.
"""


def load(path: Path, given: str | None) -> list[Key]:
    """The digest keys, current first: those `given`, else those in the file, made if missing.

    Raises:
        CannotStart: a key is unusable, or the file cannot be read or made.
    """
    if given:
        return _parse(given.replace(",", "\n"), "API_TOKENS_KEY")
    try:
        if not path.exists():
            _make(path)
    except OSError as error:
        raise CannotStart(f"cannot use the key file {path}: {error.strerror}") from None
    return read(path)


def read(path: Path) -> list[Key]:
    """The keys in a file that must be there, current first.

    Raises:
        CannotStart: a key is unusable, or the file cannot be read.
    """
    try:
        return _parse(path.read_text("ascii"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not plain text"
        raise CannotStart(f"cannot use the key file {path}: {reason}") from None


def new_key() -> str:
    """A fresh key, as a line of the file."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _make(path: Path) -> None:
    """Write a key file with one new key, whole or not at all; a file already there stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{_HEADING}{new_key()}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        # A link, unlike a rename, cannot replace the file of another process that was quicker.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _parse(text: str, source: str) -> list[Key]:
    lines = [line.strip() for line in text.splitlines()]
    keys = [_key(line, source) for line in lines if line and not line.startswith("#")]
    if not keys:
        raise CannotStart(f"{source} has no key in it")
    return keys


def _key(line: str, source: str) -> Key:
    try:
        secret = base64.b64decode(line, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) < KEY_BYTES:
        raise CannotStart(f"{source}: a key must be {KEY_BYTES} or more bytes in base64url")
    return Key.of(secret)
