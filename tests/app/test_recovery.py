"""Sealed copies of secrets: who can open them, and who cannot."""

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.recovery import Recovery
from app.token_format import Format, Key

OLD, NEW = Key.of(b"o" * 32), Key.of(b"n" * 32)
SECRET = "apt_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo41Q5rX"


def sealed(recovery: Recovery, secret: str = SECRET) -> bytes:
    """A sealed copy, which there is."""
    copy = recovery.seal(secret)
    assert copy is not None
    return copy


@pytest.mark.parametrize("secret", [SECRET, "x" * 512, "!\"#$%&'()*+,-./:;<=>?"])
def test_what_is_sealed_is_opened(secret: str) -> None:
    """By the same key, and nobody could read it in between."""
    recovery = Recovery([NEW])
    copy = sealed(recovery, secret)
    assert secret.encode() not in copy
    assert len(copy) == len(secret) + 32
    assert recovery.opened(copy) == secret


def test_no_two_copies_are_the_same() -> None:
    """Nobody can tell by them that two tokens have the same secret."""
    recovery = Recovery([NEW])
    assert len({sealed(recovery) for _ in range(100)}) == 100


def test_retired_keys_open_what_they_have_sealed() -> None:
    """The first one seals."""
    recovery = Recovery([NEW, OLD])
    assert recovery.opened(sealed(Recovery([OLD]))) == SECRET
    assert Recovery([NEW]).opened(sealed(recovery)) == SECRET
    assert Recovery([OLD]).opened(sealed(recovery)) is None
    assert [recovery.opens(key.id) for key in (OLD, NEW, Key.of(b"x" * 32))] == [True, True, False]


def test_without_a_key_nothing_is_kept() -> None:
    """Nor opened."""
    recovery = Recovery()
    assert not recovery.is_on
    assert recovery.seal(SECRET) is None
    assert recovery.opened(sealed(Recovery([NEW]))) is None


def test_what_was_changed_is_not_opened() -> None:
    """Not one bit of it, and not its end."""
    recovery = Recovery([NEW])
    copy = sealed(recovery)
    for place in range(len(copy)):
        changed = bytearray(copy)
        changed[place] ^= 1
        assert recovery.opened(bytes(changed)) is None
    assert [recovery.opened(copy[:length]) for length in range(len(copy))] == [None] * len(copy)


def test_a_copy_is_its_own_tokens() -> None:
    """One that was put into another token's row is not shown as that one's."""
    tokens = Format("apt", [NEW], Recovery([OLD]))
    copy = sealed(Recovery([OLD]))
    assert tokens.recovered(copy, tokens.digest(SECRET)) == SECRET
    assert tokens.recovered(copy, tokens.digest("another")) is None


def test_a_copy_survives_a_new_digest_key() -> None:
    """Whichever key the token is stored under just now."""
    before, now = Format("apt", [OLD]), Format("apt", [NEW, OLD], Recovery([OLD]))
    copy = sealed(Recovery([OLD]))
    for digest in (before.digest(SECRET), now.digest(SECRET)):
        assert now.recovered(copy, digest) == SECRET


def test_digest_and_recovery_key_may_be_one_by_mistake() -> None:
    """What seals is derived for that alone: it is not the key itself."""
    copy = sealed(Recovery([NEW]))
    with pytest.raises(InvalidTag):
        AESGCM(NEW.secret).decrypt(copy[4:16], copy[16:], copy[:4])
