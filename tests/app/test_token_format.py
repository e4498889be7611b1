import hashlib
import re
from zlib import crc32

import pytest

from app import token_format
from app.token_format import (
    ALPHABET,
    CHECKSUM_LENGTH,
    PREFIX,
    RANDOM_LENGTH,
    Format,
    Key,
    checksum,
    hint,
    is_ours,
    is_well_formed,
    make,
    weakness,
)

TOKEN = "apt_KAkjdjJxGtGjzJUiqLLO3FIqoLYHIo41Q5rX"
BODY = TOKEN[:-CHECKSUM_LENGTH]
OWN = "correct-horse-battery-staple"


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """HMAC as RFC 2104, section 2, spells it out: H(K ^ opad, H(K ^ ipad, text))."""
    block = (key if len(key) <= 64 else hashlib.sha256(key).digest()).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + message).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).digest()


def base62(number: int) -> str:
    """A number as six digits of 0-9, A-Z, a-z, the way one does it on paper."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return "".join(digits[number // 62**place % 62] for place in range(5, -1, -1))


def test_a_token_is_a_prefix_random_characters_and_a_checksum() -> None:
    """Prefix, underscore, 30 random and 6 checksum characters, all of them base62."""
    assert re.fullmatch(r"apt_[0-9A-Za-z]{36}", make("apt"))


def test_the_random_part_holds_178_bits() -> None:
    """Thirty characters of an alphabet of 62 different ones."""
    assert len(set(ALPHABET)) == 62
    assert 62**RANDOM_LENGTH > 2**178


def test_no_two_tokens_are_alike() -> None:
    """The random part is drawn anew for each."""
    assert len({make("apt")[:-CHECKSUM_LENGTH] for _ in range(1000)}) == 1000


def test_every_character_occurs_in_every_place() -> None:
    """No place of the random part is fixed, and none lacks a character."""
    tokens = [make("a")[2 : 2 + RANDOM_LENGTH] for _ in range(3000)]
    assert all({token[place] for token in tokens} == {*ALPHABET} for place in range(RANDOM_LENGTH))


@pytest.mark.parametrize("prefix", ["apt", "a", "z9", "abcdefghijklmnop"])
def test_what_is_made_is_well_formed(prefix: str) -> None:
    """A new token passes its own check, under every prefix."""
    assert is_well_formed(make(prefix), prefix)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # CRC-32 of "123456789" is 0xCBF43926, the check value that its definition gives.
        ("123456789", base62(0xCBF43926)),
        ("123456789", "3jZRME"),
        ("", "000000"),
        (BODY, "41Q5rX"),
    ],
)
def test_the_checksum_is_crc32_in_base62(text: str, expected: str) -> None:
    """The checksum agrees with one computed independently."""
    assert checksum(text) == expected


def test_the_checksum_covers_the_prefix() -> None:
    """A token of another service with the same random part is not ours."""
    assert not is_well_formed("xyz" + TOKEN[3:], "xyz")


def test_every_changed_character_is_noticed() -> None:
    """CRC-32 finds each error of one character: all 61 other characters in all 36 places."""
    for place in range(len("apt_"), len(TOKEN)):
        for character in set(ALPHABET) - {TOKEN[place]}:
            changed = TOKEN[:place] + character + TOKEN[place + 1 :]
            assert not is_well_formed(changed, "apt"), changed


def test_every_swap_of_neighbours_is_noticed() -> None:
    """The usual slip of a typist is found too."""
    for i in range(len("apt_"), len(TOKEN) - 1):
        swapped = TOKEN[:i] + TOKEN[i + 1] + TOKEN[i] + TOKEN[i + 2 :]
        assert swapped == TOKEN or not is_well_formed(swapped, "apt"), swapped


@pytest.mark.parametrize(
    "value",
    [
        "apt_",
        TOKEN[:-1],
        TOKEN + "X",
        TOKEN + "\n",
        TOKEN + " ",
        " " + TOKEN,
        *(body + checksum(body) for body in ("apt_" + "0" * 29 + "-", "apt_" + "٣" * 30)),
        f"apt_{TOKEN}",
    ],
)
def test_what_bears_our_prefix_must_be_whole(value: str) -> None:
    """Shorter, longer, and with characters that are none of ours: refused."""
    assert not is_well_formed(value, "apt")


@pytest.mark.parametrize("value", ["!" * 20, OWN, "~" * 512, "APT_" + TOKEN[4:], "apt-" + OWN])
def test_an_own_value_may_be_any_visible_text(value: str) -> None:
    """A value without our prefix has no checksum: it always goes to the lookup."""
    assert is_well_formed(value, "apt")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x" * 19,
        "x" * 513,
        "with a space in the middle",
        "with-a-line-break-at-end\n",
        "tab\tin-the-middle-of-it",
        "del\x7fin-the-middle-of-it",
        "nul\0in-the-middle-of-it",
        "umlaut-ä-in-the-middle-of-it",
        "surrogate-\udcff-in-the-middle",
        "\u00a0no-break-space-at-start",
    ],
)
def test_what_can_be_no_own_value_is_refused(value: str) -> None:
    """Too short, too long, or not visible ASCII: it needs no lookup."""
    assert not is_well_formed(value, "apt")


@pytest.mark.parametrize("prefix", ["a", "apt", "a1", "z" * 16])
def test_a_prefix_is_lower_case_letters_and_digits(prefix: str) -> None:
    """One to sixteen of them, the first a letter."""
    assert PREFIX.fullmatch(prefix)


@pytest.mark.parametrize("prefix", ["", "1a", "A", "aPt", "a_b", "a-b", "z" * 17, "ä", "a\n", "a "])
def test_other_prefixes_are_none(prefix: str) -> None:
    """An underscore in a prefix would make it unclear where it ends; upper case is never typed."""
    assert not PREFIX.fullmatch(prefix)


@pytest.mark.parametrize("value", ["apt", "aptx_" + OWN, "Apt_x", " apt_", ""])
def test_another_prefix_is_not_ours(value: str) -> None:
    """Only the prefix with its underscore makes a value ours."""
    assert not is_ours(value, "apt")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (OWN, None),
        (TOKEN, None),
        ("apt_" + OWN, 'must not start with "apt_" unless its checksum holds'),
        ("aaaaaaaaaaaaaaaaaaaaaaaa", "must have at least 8 different characters"),
        ("abcdefgabcdefgabcdefggg", "must have at least 8 different characters"),
        ("abcdefghabcdefghabcdefgg", None),
        ("abcdefghijabcdefghij", "must not be a repetition of a shorter text"),
        ("abcdefghabcdefghabcdefgh", "must not be a repetition of a shorter text"),
    ],
)
def test_weak_own_values_are_named_so(value: str, expected: str | None) -> None:
    """Few different characters, a repetition, a false checksum: each has its own text."""
    assert weakness(value, "apt") == expected


@pytest.mark.parametrize(("value", "expected"), [(TOKEN, "apt_…Q5rX"), (OWN, "…aple")])
def test_a_hint_shows_the_prefix_and_the_last_four(value: str, expected: str) -> None:
    """Of an own value only the last four are shown."""
    assert hint(value, "apt") == expected


@pytest.mark.parametrize("length", [32, 63, 64, 65, 200])
def test_a_digest_is_hmac_sha256(length: int) -> None:
    """The digest agrees with HMAC as RFC 2104 defines it, for keys around the block size."""
    secret = bytes(range(length))
    assert Key.of(secret).digest(TOKEN) == hmac_sha256(secret, TOKEN.encode())


def test_a_digest_is_the_one_of_rfc_4231() -> None:
    """Test case 2 of RFC 4231."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert Key.of(b"Jefe").digest("what do ya want for nothing?").hex() == expected


def test_a_key_id_tells_keys_apart() -> None:
    """Eight hexadecimal digits, the same for the same key and others for another."""
    first, again, second = Key.of(b"1" * 32), Key.of(b"1" * 32), Key.of(b"2" * 32)
    assert first.id == again.id != second.id
    assert re.fullmatch("[0-9a-f]{8}", first.id)


def test_a_key_id_is_no_digest_of_a_token() -> None:
    """An id is made from another text than any token's, so it reveals no part of a digest."""
    key = Key.of(b"1" * 32)
    assert not hashlib.sha256(b"1" * 32).hexdigest().startswith(key.id)
    assert not is_well_formed("api-tokens key id", "apt")


def test_a_new_token_is_stored_under_the_current_key() -> None:
    """The first key makes the digest, and the scheme names it."""
    current, retired = Key.of(b"1" * 32), Key.of(b"2" * 32)
    tokens = Format("apt", [current, retired])
    assert tokens.digests(TOKEN)[0] == current.digest(TOKEN)
    assert tokens.scheme == f"hmac-sha256:{current.id}"


def test_a_token_is_looked_up_under_every_key() -> None:
    """The current key's digest comes first, then those of retired keys, then foreign ones."""
    keys = [Key.of(bytes([number]) * 32) for number in range(3)]
    expected = [hmac_sha256(bytes([number]) * 32, TOKEN.encode()) for number in range(3)]
    foreign = [hashlib.sha256(TOKEN.encode()).digest(), hashlib.sha512(TOKEN.encode()).digest()]
    assert Format("apt", keys).digests(TOKEN) == [*expected, *foreign]
    assert Format("apt", keys).session_digests(TOKEN) == expected


def test_a_format_knows_its_prefix() -> None:
    """Everything a service makes and checks bears the operator's prefix."""
    tokens = Format("acme", [Key.of(b"1" * 32)])
    made = tokens.make()
    assert made.startswith("acme_")
    assert tokens.is_well_formed(made)
    assert not tokens.is_well_formed(made[:-1] + ("0" if made[-1] != "0" else "1"))
    assert tokens.hint(made) == f"acme_…{made[-4:]}"
    assert tokens.weakness("acme_" + OWN)


def test_the_example_of_the_documents_is_a_real_one() -> None:
    """Who tries the format by hand with the token that the module shows finds it to hold."""
    [shown] = re.findall(r"^ +(apt_[0-9A-Za-z]+)$", token_format.__doc__ or "", re.MULTILINE)
    body, check = shown[:-CHECKSUM_LENGTH], shown[-CHECKSUM_LENGTH:]
    assert check == base62(crc32(body.encode()))
