"""Sealed copies of secrets, for operators who want to be able to show a token's secret again.

A copy is sealed by AES-256-GCM (NIST SP 800-38D) under a key that lives outside the database, as
the digest keys do, but for one thing alone. Without a recovery key nothing is sealed or opened.

    id of the key   nonce      the secret, enciphered   tag
    4 bytes         12 bytes   as long as it is         16 bytes
"""

import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.token_format import Key

_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_PURPOSE: Final = b"api-tokens recovery"


class Recovery:
    """Seals secrets by the first of its keys, and opens what any of them has sealed."""

    def __init__(self, keys: Sequence[Key] = ()) -> None:
        self._ids = [bytes.fromhex(key.id) for key in keys]
        self._ciphers = {
            bytes.fromhex(key.id): AESGCM(hmac.digest(key.secret, _PURPOSE, "sha256"))
            for key in keys
        }

    @property
    def is_on(self) -> bool:
        """Whether there is a key at all."""
        return bool(self._ids)

    def seal(self, secret: str) -> bytes | None:
        """A copy of a secret that only a holder of the key can read; None without a key."""
        if not self._ids:
            return None
        key_id, nonce = self._ids[0], secrets.token_bytes(_NONCE_BYTES)
        return key_id + nonce + self._ciphers[key_id].encrypt(nonce, secret.encode(), key_id)

    def opened(self, sealed: bytes) -> str | None:
        """The secret in a sealed copy; None if no key of ours has sealed it, or it was changed."""
        key_id, rest = sealed[:_ID_BYTES], sealed[_ID_BYTES:]
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            return None
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], key_id).decode()
        except (InvalidTag, ValueError):
            return None

    def opens(self, key_id: str) -> bool:
        """Whether there is the key with this id."""
        return bytes.fromhex(key_id) in self._ciphers
