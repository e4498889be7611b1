import base64
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from app.errors import CannotStart
from app.key_file import load, new_key
from tests.support import unprivileged

FIRST, SECOND = (base64.urlsafe_b64encode(bytes([n]) * 32).decode() for n in (251, 2))
TOO_SHORT = base64.urlsafe_b64encode(bytes(31)).decode()
MUST = "a key must be 32 or more bytes in base64url"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a key file is to be; neither it nor its folder is there."""
    return tmp_path / "data" / "key"


@pytest.fixture
def no_umask() -> Iterator[None]:
    """A process that leaves every permission bit as it was asked for."""
    before = os.umask(0)
    yield
    os.umask(before)


def secrets_of(path: Path, given: str | None = None) -> list[bytes]:
    """The secret bytes of each key."""
    return [key.secret for key in load(path, given)]


def complaint(path: Path, given: str | None = None) -> str:
    """The one line that an operator reads."""
    with pytest.raises(CannotStart) as caught:
        load(path, given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_first_start_makes_a_key(path: Path) -> None:
    """A file that is not there is made, with one key of 256 bits."""
    [secret] = secrets_of(path)
    assert len(secret) == 32
    assert len(set(secret)) > 8


def test_a_second_start_finds_the_same_key(path: Path) -> None:
    """A file that is there stays as it is, to the byte."""
    first = secrets_of(path)
    content = path.read_bytes()
    assert secrets_of(path) == first
    assert path.read_bytes() == content


def test_two_files_have_two_keys(tmp_path: Path) -> None:
    """A key is made of randomness alone."""
    assert secrets_of(tmp_path / "one") != secrets_of(tmp_path / "two")


@pytest.mark.usefixtures("no_umask")
def test_only_the_owner_can_read_the_file(path: Path) -> None:
    """Mode 0600 in a folder of mode 0700, whatever the umask."""
    load(path, None)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_nothing_else_is_left_behind(path: Path) -> None:
    """The draft that the file was linked from is gone."""
    load(path, None)
    assert [entry.name for entry in path.parent.iterdir()] == ["key"]


@pytest.mark.parametrize("attempt", range(10))
def test_makers_at_once_end_with_one_file(path: Path, attempt: int) -> None:
    """However many processes start at once, all use the key that the first one made."""
    makers = 8
    start = Barrier(makers)

    def make(_: int) -> list[bytes]:
        start.wait()
        return secrets_of(path)

    with ThreadPoolExecutor(makers) as pool:
        made = list(pool.map(make, range(makers)))
    assert made == [secrets_of(path)] * makers
    assert [entry.name for entry in path.parent.iterdir()] == ["key"]


def test_the_file_tells_what_it_is(path: Path) -> None:
    """Comments say that the file must be kept, and how to retire a key."""
    load(path, None)
    *comments, key = path.read_text().splitlines()
    assert all(line.startswith("# ") for line in comments)
    assert "Keep this file" in comments[0]
    assert key.strip() == key


@pytest.mark.parametrize(
    "content",
    [
        f"{FIRST}\n{SECOND}\n",
        f"{FIRST}\n{SECOND}",
        f"# current\n{FIRST}\n\n# retired\n{SECOND}\n",
        f"\n  {FIRST}  \r\n\t{SECOND}\r\n# {TOO_SHORT}",
    ],
)
def test_reads_keys_in_order(path: Path, content: str) -> None:
    """One key a line, current first, between comments, empty lines and stray spaces."""
    path.parent.mkdir()
    path.write_text(content, newline="")
    assert secrets_of(path) == [b"\xfb" * 32, b"\x02" * 32]


def test_a_longer_key_is_taken_whole(path: Path) -> None:
    """More than 32 bytes are as good as 32."""
    secret = bytes(range(64))
    assert secrets_of(path, base64.urlsafe_b64encode(secret).decode()) == [secret]


def test_the_other_base64_will_do(path: Path) -> None:
    """A key out of `openssl rand -base64 32` is read as what it is."""
    standard = base64.b64encode(b"\xfb" * 32).decode()
    assert "+" in standard
    assert secrets_of(path, standard) == [b"\xfb" * 32]


@pytest.mark.parametrize("given", [f"{FIRST},{SECOND}", f" {FIRST} , {SECOND} ,"])
def test_given_keys_come_before_the_file(path: Path, given: str) -> None:
    """Keys out of the environment are separated by commas, and no file is made."""
    assert secrets_of(path, given) == [b"\xfb" * 32, b"\x02" * 32]
    assert not path.parent.exists()


def test_an_empty_value_is_no_given_key(path: Path) -> None:
    """An environment variable set to nothing leaves the file in charge."""
    assert len(load(path, "")) == 1
    assert path.exists()


def test_a_new_key_can_be_read(path: Path) -> None:
    """What the service makes, it takes; and no two are alike."""
    first, second = new_key(), new_key()
    assert first != second
    assert [len(secret) for secret in secrets_of(path, f"{first},{second}")] == [32, 32]


@pytest.mark.parametrize("line", [TOO_SHORT, "x", "=", "password", "ä" * 44, FIRST[:-1], FIRST * 2])
def test_refuses_what_is_no_key(path: Path, line: str) -> None:
    """Too short, cut off, not base64: one line says what a key is, and does not show it."""
    assert complaint(path, line) == f"API_TOKENS_KEY: {MUST}"


def test_one_bad_key_spoils_the_rest(path: Path) -> None:
    """A retired key that cannot be read would make tokens fail without a word."""
    path.parent.mkdir()
    path.write_text(f"{FIRST}\n{TOO_SHORT}\n")
    assert complaint(path) == f"{path}: {MUST}"


@pytest.mark.parametrize("content", ["", "\n\n", "# only a comment\n"])
def test_refuses_a_file_without_a_key(path: Path, content: str) -> None:
    """An empty file is not filled: its key may be somewhere else."""
    path.parent.mkdir()
    path.write_text(content)
    assert complaint(path) == f"{path} has no key in it"
    assert path.read_text() == content


@pytest.mark.parametrize("given", [",", " , "])
def test_refuses_given_keys_that_are_none(path: Path, given: str) -> None:
    """Separators alone are no key."""
    assert complaint(path, given) == "API_TOKENS_KEY has no key in it"


def test_refuses_a_file_that_is_no_text(path: Path) -> None:
    """Random bytes are named as what they are."""
    path.parent.mkdir()
    path.write_bytes(bytes(range(256)))
    assert complaint(path) == f"cannot use the key file {path}: it is not plain text"


def test_refuses_a_folder_in_its_place(path: Path) -> None:
    """What is there and cannot be read is told with the system's reason."""
    path.mkdir(parents=True)
    assert complaint(path) == f"cannot use the key file {path}: Is a directory"


def test_refuses_a_place_where_no_file_can_be(path: Path) -> None:
    """A file where the folder should be is told with the system's reason."""
    path.parent.write_text("")
    assert complaint(path).startswith(f"cannot use the key file {path}: ")


def test_refuses_a_file_of_somebody_else(path: Path) -> None:
    """A file that may not be read is told with the system's reason."""
    load(path, None)
    path.chmod(0)
    with unprivileged():
        assert complaint(path) == f"cannot use the key file {path}: Permission denied"
