"""Make, parse, checksum and digest a token string; pure.

    apt_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo41Q5rX
    └┬┘ └─────────────┬──────────────┘└─┬──┘
   prefix   30 random base62 characters  6 base62 characters of CRC-32 over all before them

The checksum lets junk be refused without asking the database (as GitHub's tokens do, see
https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/).
Operators may bring values of their own; those have no checksum. A session's secret has the same
shape and a prefix that no token may have: what the two are good for differs.
"""

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol
from zlib import crc32

ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_LENGTH: Final = 30
CHECKSUM_LENGTH: Final = 6
SHORTEST: Final = 20
LONGEST: Final = 512
FEWEST_DISTINCT: Final = 8
PREFIX: Final = re.compile(r"[a-z][a-z0-9]{0,15}")
SCHEME: Final = "hmac-sha256"
SESSION_PREFIX: Final = "session"
# Digests that other systems keep, under which an imported token is found: our name → hashlib's.
FOREIGN_SCHEMES: Final = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}

_VISIBLE: Final = re.compile(rf"[!-~]{{{SHORTEST},{LONGEST}}}")
_BODY: Final = re.compile(rf"[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}")


def checksum(text: str) -> str:
    """Six base62 characters of CRC-32 over `text`, most significant first."""
    return _base62(crc32(text.encode()), CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    """The last digits of a number, most significant first."""
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def make(prefix: str) -> str:
    """A new token of 178 random bits from the system's source."""
    return completed(prefix, random_text(RANDOM_LENGTH))


def random_text(length: int) -> str:
    """So many base62 characters from the system's source."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def completed(prefix: str, text: str) -> str:
    """The token that has this text between its prefix and its checksum."""
    return f"{prefix}_{text}" + checksum(f"{prefix}_{text}")


def is_ours(value: str, prefix: str) -> bool:
    """Whether `value` bears our prefix, so that a checksum must hold for it."""
    return value.startswith(f"{prefix}_")


def is_session(value: str) -> bool:
    """Whether `value` is spelled as a session's secret, and no token's."""
    return is_ours(value, SESSION_PREFIX)


def is_well_formed(value: str, prefix: str) -> bool:
    """Whether `value` can be a token at all; a "no" needs no database."""
    if not is_ours(value, prefix):
        return _VISIBLE.fullmatch(value) is not None
    body = value[len(prefix) + 1 :]
    return _BODY.fullmatch(body) is not None and hmac.compare_digest(
        checksum(value[:-CHECKSUM_LENGTH]), value[-CHECKSUM_LENGTH:]
    )


def weakness(value: str, prefix: str) -> str | None:
    """What is wrong with a value an operator chose as a token, or None.

    Length and characters are the schema's to check; here is what a schema cannot say.
    """
    if is_session(value):
        return f'must not start with "{SESSION_PREFIX}_"'
    if is_ours(value, prefix) and not is_well_formed(value, prefix):
        return f'must not start with "{prefix}_" unless its checksum holds'
    if len(set(value)) < FEWEST_DISTINCT:
        return f"must have at least {FEWEST_DISTINCT} different characters"
    if value in (value * 2)[1:-1]:
        return "must not be a repetition of a shorter text"
    return None


def hint(value: str, prefix: str) -> str:
    """What may be shown of a token for ever: its prefix if it is ours, and its last four."""
    return (f"{prefix}_" if is_ours(value, prefix) else "") + "…" + value[-4:]


@dataclass(frozen=True, slots=True)
class Key:
    """A server key that digests are made with. `id` tells keys apart and reveals nothing."""

    id: str
    secret: bytes

    @classmethod
    def of(cls, secret: bytes) -> "Key":
        """The key of these secret bytes."""
        return cls(hmac.digest(secret, b"api-tokens key id", "sha256")[:4].hex(), secret)

    def digest(self, value: str) -> bytes:
        """HMAC-SHA-256 (RFC 2104) of a token: 32 bytes."""
        return hmac.digest(self.secret, value.encode(), "sha256")


class Recovers(Protocol):
    """What keeps sealed copies of secrets, if an operator wants them (see `app.recovery`)."""

    @property
    def is_on(self) -> bool:
        """Whether copies are kept."""

    def seal(self, secret: str) -> bytes | None:
        """A sealed copy; None if none is kept."""

    def opened(self, sealed: bytes) -> str | None:
        """The secret in a sealed copy; None if it cannot be told."""


class NoRecovery:
    """Keeps no copies."""

    is_on: Final = False

    def seal(self, _secret: str) -> None:
        """None."""

    def opened(self, _sealed: bytes) -> None:
        """Nobody can tell."""


class Format:
    """How this service spells and keeps its tokens.

    Args:
        prefix: what they start with.
        keys: what they are digested by, the current one first.
        recovery: keeps sealed copies of them, or none.
    """

    def __init__(self, prefix: str, keys: Iterable[Key], recovery: Recovers | None = None) -> None:
        self.prefix = prefix
        self.recovery = recovery or NoRecovery()
        self.keys = tuple(keys)
        self.scheme = f"{SCHEME}:{self.keys[0].id}"

    def make(self) -> str:
        """A new token."""
        return make(self.prefix)

    def derive(self, seed: bytes) -> list[str]:
        """The token that each of our keys makes of a seed, the current key's first.

        As hard to guess as the key: 178 of the bits of HMAC-SHA-512, which no digest is made with.
        """
        numbers = (
            int.from_bytes(hmac.digest(key.secret, seed, "sha512"), "big") for key in self.keys
        )
        return [completed(self.prefix, _base62(number, RANDOM_LENGTH)) for number in numbers]

    def make_session(self) -> str:
        """A new session's secret."""
        return make(SESSION_PREFIX)

    def is_well_formed(self, value: str) -> bool:
        """Whether `value` can be a token at all."""
        return is_well_formed(value, self.prefix)

    def weakness(self, value: str) -> str | None:
        """What is wrong with a chosen value, or None."""
        return weakness(value, self.prefix)

    def hint(self, value: str) -> str:
        """What may be shown of a token for ever."""
        return hint(value, self.prefix)

    def stored(self, value: str) -> dict[str, Any]:
        """What is kept of a token: the first of its `digests`, their scheme, hint, sealed copy."""
        return {
            "digests": self.digests(value),
            "digest_scheme": self.scheme,
            "hint": self.hint(value),
            "sealed": self.recovery.seal(value),
        }

    def recovered(self, sealed: bytes, digest: bytes) -> str | None:
        """The token in a sealed copy that is kept beside this digest; None if it cannot be told.

        One that has another digest was copied there from another row: it is not that token's.
        """
        value = self.recovery.opened(sealed)
        return value if value is not None and digest in self.digests(value) else None

    def session_digests(self, value: str) -> list[bytes]:
        """Every digest a session may be stored under: by the current key, then by retired ones."""
        return [key.digest(value) for key in self.keys]

    def digest(self, value: str) -> bytes:
        """The digest that a token is stored under from now on: by the current key."""
        return self.keys[0].digest(value)

    def digests(self, value: str) -> list[bytes]:
        """Every digest a token may be stored under: by our keys, current first, then foreign."""
        return [key.digest(value) for key in self.keys] + self.foreign_digests(value)

    def foreign_digests(self, value: str) -> list[bytes]:
        """The digests that other systems may keep of a token."""
        return [made(value.encode()).digest() for made in FOREIGN_SCHEMES.values()]

    def fingerprints(self, foreign_digests: Iterable[bytes]) -> list[bytes]:
        """What foreign digests are known again by, in the order of our keys.

        Keyed as well: nobody can try values against what is kept of them. No token has a space.
        """
        texts = [f"imported {digest.hex()}" for digest in foreign_digests]
        return [key.digest(text) for key in self.keys for text in texts]
