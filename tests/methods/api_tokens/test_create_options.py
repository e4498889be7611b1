from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.methods.support import INJECTIONS, Sql
from tests.support import Api

# Its name


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "a" * 255,
        "🔑" * 255,
        "\u05d0\u05d1\u05d2 \u0645\u0641\u062a\u0627\u062d",
        "é",
        *INJECTIONS,
    ],
)
async def test_keeps_the_name(shared: Api, name: str) -> None:
    """A name is any text of up to 255 characters on one line."""
    made = await shared("api-tokens/create", name)
    assert (await shared("api-tokens/read", {"id": made["id"]}))["name"] == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a" * 256,
        "🔑" * 256,
        "a\0b",
        "a\nb",
        "a\rb",
        "a\tb",
        "\x1b[31m",
        "\x7f",
        "\x85",
        "\ud800",
    ],
)
async def test_refuses_a_bad_name(shared: Api, name: str) -> None:
    """Empty, longer or many-lined names, and control characters, are faults of the name."""
    refusal = await shared.refusal("api-tokens/create", name)
    assert (refusal.code, [fault.path for fault in refusal.faults]) == (-32808, ["/0"])


@pytest.mark.parametrize("name", [None, 7, True, ["ci"], {"name": "ci"}])
async def test_refuses_a_name_that_is_no_text(shared: Api, name: Any) -> None:
    """A name is text."""
    refusal = await shared.refusal("api-tokens/create", name)
    assert [(f.path, f.message) for f in refusal.faults] == [("/0", "must be string")]


async def test_lets_names_repeat(shared: Api) -> None:
    """Two tokens may have one name."""
    made = [await shared("api-tokens/create", "same name") for _ in range(2)]
    rows = await shared("api-tokens/read", {"where": {"name": "same name"}})
    assert {row["id"] for row in rows} == {row["id"] for row in made}


# When it ends


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60s", 60), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000), ("2w", 1_209_600)],
)
async def test_ends_after_a_duration(shared: Api, text: str, seconds: int) -> None:
    """A duration counts from now."""
    before = datetime.now(UTC)
    made = await shared("api-tokens/create", "brief", {"expires": text})
    end = datetime.fromisoformat(made["expires"]) - timedelta(seconds=seconds)
    assert before <= end <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2099-01-31T12:00:00Z", "2099-01-31T12:00:00Z"),
        ("2099-01-31t12:00:00z", "2099-01-31T12:00:00Z"),
        ("2099-01-31T12:00:00.25Z", "2099-01-31T12:00:00.250000Z"),
        ("2099-01-31T12:00:00+02:00", "2099-01-31T10:00:00Z"),
        ("2099-01-31T23:30:00-05:30", "2099-02-01T05:00:00Z"),
        ("2096-02-29T00:00:00Z", "2096-02-29T00:00:00Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ],
)
async def test_ends_at_a_moment(shared: Api, text: str, moment: str) -> None:
    """An RFC 3339 time is answered in UTC, whatever its offset."""
    made = await shared("api-tokens/create", "brief", {"expires": text})
    assert made["expires"] == moment


async def test_is_refused_after_its_end(root: Api, sql: Sql) -> None:
    """An expired token is refused, and told so."""
    made = await root("api-tokens/create", "brief", {"expires": "1h"})
    brief = root.bearing(made["token"])
    await brief("api-tokens/read")
    await sql.execute("update api_tokens set expires = now() where name = 'brief'")
    refusal = await brief.refusal("api-tokens/read")
    assert (refusal.code, refusal.text) == (-32815, "Session was deleted: the token has expired")


@pytest.mark.parametrize(
    "text",
    [
        "0s",
        "2001-01-01T00:00:00Z",
        "soon",
        "",
        "30",
        "-30d",
        "1.5h",
        "30 d",
        "30D",
        "1y",
        "\u0661d",
        "9999999999d",
        "999999999w",
        "2099-13-01T00:00:00Z",
        "2099-02-29T00:00:00Z",
        "2099-01-01T24:00:00Z",
        "2099-01-01T00:00:00",
        "2099-01-01",
        "2099-01-01T00:00:00+24:00",
        "9999-12-31T23:59:59-01:00",
        "0000-01-01T00:00:00Z",
        "infinity",
        "now()",
        "2099-01-01T00:00:00Z\n",
        "2099-01-01T00:00:00Z; drop table users",
        "9" * 65,
        "30d\0",
    ],
)
async def test_refuses_a_bad_end(shared: Api, text: str) -> None:
    """What is past, no time, or no duration is a fault of `expires`."""
    refusal = await shared.refusal("api-tokens/create", "brief", {"expires": text})
    assert (refusal.code, [f.path for f in refusal.faults]) == (-32808, ["/1/expires"])


@pytest.mark.parametrize("value", [3600, True, ["30d"], {}])
async def test_refuses_an_end_that_is_no_text(shared: Api, value: Any) -> None:
    """Seconds as a number are not understood, rather than misunderstood."""
    refusal = await shared.refusal("api-tokens/create", "brief", {"expires": value})
    assert (refusal.code, [f.path for f in refusal.faults]) == (-32808, ["/1/expires"])


# Metadata


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"team": "web", "tags": ["a", None, True, {"deep": [1, 2.5, -0.0, 1e15]}]},
        {"🔑": "\u05d0", "": "", "quote": "'; drop table users; --"},
        {"large": 2**63, "small": -(2**63), "tiny": 1e-300, "huge": 1e19},
        {"x": "y" * 4088},
        {"x": "é" * 2044},
    ],
)
async def test_keeps_the_metadata(shared: Api, metadata: dict[str, Any]) -> None:
    """Any JSON object of up to 4 KiB is given back as it was."""
    made = await shared("api-tokens/create", "labelled", {"metadata": metadata})
    row = await shared("api-tokens/read", {"id": made["id"]})
    assert made["metadata"] == row["metadata"] == metadata


@pytest.mark.parametrize("metadata", [{"x": "y" * 4089}, {"x": "é" * 2045}, {"y" * 4096: 1}])
async def test_refuses_long_metadata(shared: Api, metadata: dict[str, Any]) -> None:
    """Metadata is measured in bytes of JSON."""
    refusal = await shared.refusal("api-tokens/create", "labelled", {"metadata": metadata})
    assert [(f.path, f.message) for f in refusal.faults] == [
        ("/1/metadata", "must be at most 4096 bytes of JSON")
    ]


@pytest.mark.parametrize(
    ("metadata", "path"),
    [
        ([], "/1/metadata"),
        ("{}", "/1/metadata"),
        (None, "/1/metadata"),
        ({"a": "\0"}, "/1/metadata/a"),
        ({"a\0": 1}, "/1/metadata"),
        ({"a": ["\ud800"]}, "/1/metadata/a/0"),
        ({"a": float("nan")}, "/1/metadata/a"),
    ],
)
async def test_refuses_metadata_that_cannot_be_kept(shared: Api, metadata: Any, path: str) -> None:
    """What is no object, or what the database cannot hold, is a fault there."""
    refusal = await shared.refusal("api-tokens/create", "labelled", {"metadata": metadata})
    assert (refusal.code, [f.path for f in refusal.faults]) == (-32808, [path])
