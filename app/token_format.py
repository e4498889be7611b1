"""Make, parse, checksum and digest a token string; pure.

    apt_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo41Q5rX
    └┬┘ └─────────────┬──────────────┘└─┬──┘
   prefix   30 random base62 characters  6 base62 characters of CRC-32 over all before them

The checksum lets junk be refused without asking the database (as GitHub's tokens do, see
https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/).
Operators may bring values of their own; those have no checksum.
"""

import hmac
import re
import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from zlib import crc32

ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_LENGTH: Final = 30
CHECKSUM_LENGTH: Final = 6
SHORTEST: Final = 20
LONGEST: Final = 512
FEWEST_DISTINCT: Final = 8
PREFIX: Final = re.compile(r"[a-z][a-z0-9]{0,15}")
SCHEME: Final = "hmac-sha256"

_VISIBLE: Final = re.compile(rf"[!-~]{{{SHORTEST},{LONGEST}}}")
_BODY: Final = re.compile(rf"[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}")


def checksum(text: str) -> str:
    """Six base62 characters of CRC-32 over `text`, most significant first."""
    rest, digits = crc32(text.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        rest, digit = divmod(rest, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def make(prefix: str) -> str:
    """A new token of 178 random bits from the system's source."""
    body = f"{prefix}_" + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return body + checksum(body)


def is_ours(value: str, prefix: str) -> bool:
    """Whether `value` bears our prefix, so that a checksum must hold for it."""
    return value.startswith(f"{prefix}_")


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


class Format:
    """How this service spells and digests its tokens: the prefix, and the keys, current first."""

    def __init__(self, prefix: str, keys: Iterable[Key]) -> None:
        self.prefix = prefix
        self.keys = tuple(keys)
        self.scheme = f"{SCHEME}:{self.keys[0].id}"

    def make(self) -> str:
        """A new token."""
        return make(self.prefix)

    def is_well_formed(self, value: str) -> bool:
        """Whether `value` can be a token at all."""
        return is_well_formed(value, self.prefix)

    def weakness(self, value: str) -> str | None:
        """What is wrong with a chosen value, or None."""
        return weakness(value, self.prefix)

    def hint(self, value: str) -> str:
        """What may be shown of a token for ever."""
        return hint(value, self.prefix)

    def digests(self, value: str) -> list[bytes]:
        """Every digest a token may be stored under: by the current key, then by retired ones."""
        return [key.digest(value) for key in self.keys]
