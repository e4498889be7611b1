from datetime import UTC, date, datetime, timedelta

import pytest

from app.moments import day, duration, expiry, first_day, instant, storable_instant

NOW = datetime(2027, 1, 31, 12, tzinfo=UTC)
NO_TIME = "must be a time such as 2027-01-31T12:00:00Z"
NO_SUCH_TIME = "must be a time that exists"
NO_DURATION = "must be a number and a unit such as 30d, 12h, 15m, 60s or 2w"
TOO_LATE = "must be before the year 10000"
NOT_FUTURE = "must be in the future"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2027-01-31T12:00:00Z", NOW),
        ("2027-01-31t12:00:00z", NOW),
        ("2027-01-31 12:00:00Z", NOW),  # RFC 3339 section 5.6 allows the space
        ("2027-01-31T14:30:00+02:30", NOW),
        ("2027-01-30T12:01:00-23:59", NOW),
        ("2027-02-01T11:59:00+23:59", NOW),
        ("2027-01-31T12:00:00-00:00", NOW),
        ("2027-01-31T12:00:00.0Z", NOW),
        ("2027-01-31T12:00:00.25Z", NOW + timedelta(milliseconds=250)),
        ("2027-01-31T12:00:00.000001Z", NOW + timedelta(microseconds=1)),
        ("2028-02-29T00:00:00Z", datetime(2028, 2, 29, tzinfo=UTC)),
        ("2000-02-29T00:00:00Z", datetime(2000, 2, 29, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime.min.replace(tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_reads_a_time(text: str, expected: datetime) -> None:
    """RFC 3339 text in any zone is a moment in UTC."""
    assert instant(text) == expected
    assert instant(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_keeps_neither_end_of_time(text: str) -> None:
    """What would come back as infinity is refused where it would be stored."""
    with pytest.raises(ValueError, match="first or the last"):
        storable_instant(text)
    assert storable_instant("9999-12-31T23:59:59.999998Z").year == 9999


def test_reads_nanoseconds() -> None:
    """RFC 3339 allows any number of decimals, and Go and Java write nine."""
    assert instant("2027-01-31T12:00:00.123456789Z").replace(microsecond=0) == NOW


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "30d",
        "2027-01-31",
        "2027-01-31T12:00:00",
        "2027-01-31T12:00Z",
        "20270131T120000Z",
        "2027-W05-7T12:00:00Z",
        "2027-031T12:00:00Z",
        "27-01-31T12:00:00Z",
        "+2027-01-31T12:00:00Z",
        "-2027-01-31T12:00:00Z",
        "2027-1-31T12:00:00Z",
        "2027-01-31_12:00:00Z",
        "2027-01-31T12:00:00,5Z",
        "2027-01-31T12:00:00.Z",
        "2027-01-31T12:00:00+0100",
        "2027-01-31T12:00:00+01",
        "2027-01-31T12:00:00+01:00:30",
        "2027-01-31T12:00:00 Z",
        "2027-01-31T12:00:00\u221201:00",  # a minus sign, but not the one of ASCII
        "2027-01-31T12:00:00Z\n",
        " 2027-01-31T12:00:00Z",
        "٢٠٢٧-01-31T12:00:00Z",
        "2027-01-31T12:00:00Z0",
        "1801396800",
    ],
)
def test_refuses_what_is_no_time(text: str) -> None:
    """Other shapes, ISO 8601's among them, are told what a time looks like."""
    with pytest.raises(ValueError, match=f"^{NO_TIME}$"):
        instant(text)


@pytest.mark.parametrize(
    "text",
    [
        "2027-13-01T00:00:00Z",
        "2027-00-01T00:00:00Z",
        "2027-01-32T00:00:00Z",
        "2027-01-00T00:00:00Z",
        "2027-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2027-01-31T24:00:00Z",
        "2027-01-31T12:60:00Z",
        "2027-01-31T12:00:61Z",
        "2016-12-31T23:59:60Z",  # it was one, but neither Python nor PostgreSQL can hold it
        "0000-01-01T00:00:00Z",
        "2027-01-31T12:00:00+24:00",
        "2027-01-31T12:00:00-99:00",
        "2027-01-31T12:00:00+12:60",  # time-minute = 00 to 59, in offsets too
        "2027-01-31T12:00:00+00:99",
        "9999-12-31T23:59:59-00:01",
        "0001-01-01T00:00:00+00:01",
    ],
)
def test_refuses_a_time_that_does_not_exist(text: str) -> None:
    """The shape is right, and still there is no such moment in the years 1 to 9999."""
    with pytest.raises(ValueError, match=f"^{NO_SUCH_TIME}$"):
        instant(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("60s", timedelta(minutes=1)),
        ("15m", timedelta(minutes=15)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(days=14)),
        ("007d", timedelta(days=7)),
        ("0s", timedelta(0)),
        ("999999999s", timedelta(seconds=999_999_999)),
    ],
)
def test_reads_a_duration(text: str, expected: timedelta) -> None:
    """A number and a unit."""
    assert duration(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "d", "30", "30 d", "30D", "30M", "1y", "-1d", "+1d", "1.5h", "1h30m", "P30D", "٣d"),
        *("1d\n", "1000000000s", "1e3s", "0x1d"),
    ],
)
def test_refuses_what_is_no_duration(text: str) -> None:
    """Signs, fractions, other units, and more than nine digits are told what one looks like."""
    with pytest.raises(ValueError, match=f"^{NO_DURATION}$"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30d", NOW + timedelta(days=30)),
        ("1s", NOW + timedelta(seconds=1)),
        ("2027-01-31T12:00:00.000001Z", NOW + timedelta(microseconds=1)),
        ("2027-01-31T13:00:01+01:00", NOW + timedelta(seconds=1)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2912047d", datetime(9999, 12, 31, 12, tzinfo=UTC)),
    ],
)
def test_an_expiry_is_a_time_or_so_long_from_now(text: str, expected: datetime) -> None:
    """Both spellings give a moment after now, up to the end of the calendar."""
    assert expiry(text, NOW) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("0s", NOT_FUTURE),
        ("0w", NOT_FUTURE),
        ("2027-01-31T12:00:00Z", NOT_FUTURE),
        ("2027-01-31T13:00:00+01:00", NOT_FUTURE),
        ("2027-01-31T11:59:59.999999Z", NOT_FUTURE),
        ("0001-01-01T00:00:00Z", NOT_FUTURE),
        ("2912048d", TOO_LATE),  # the first day of the year 10000
        ("416370w", TOO_LATE),
        ("999999999d", TOO_LATE),  # more than `datetime` can be moved by
        ("999999999w", TOO_LATE),  # more than `timedelta` can hold
        ("9999-12-31T23:59:59-23:59", NO_SUCH_TIME),
        ("10000-01-01T00:00:00Z", NO_TIME),
        ("-1d", NO_TIME),
        ("never", NO_TIME),
        ("", NO_TIME),
    ],
)
def test_refuses_an_expiry_that_is_none(text: str, complaint: str) -> None:
    """Past, present, beyond the calendar, or no time at all: never a token that lives for ever."""
    with pytest.raises(ValueError, match=f"^{complaint}$"):
        expiry(text, NOW)


# Days


@pytest.mark.parametrize("text", ["0001-01-01", "2028-02-29", "9999-12-31"])
def test_reads_a_day(text: str) -> None:
    """Any day there is can be named."""
    assert str(day(text)) == text


@pytest.mark.parametrize("text", ["0000-01-01", "2027-02-29", "2027-13-01", "2027-01-31T12:00:00Z"])
def test_refuses_what_is_no_day(text: str) -> None:
    """What the calendar does not have is told from what it has."""
    with pytest.raises(ValueError, match="must be a day that exists"):
        day(text)


@pytest.mark.parametrize(
    ("given", "last", "expected"),
    [
        (None, date(2027, 1, 31), date(2027, 1, 2)),
        (None, date(1, 1, 5), date.min),
        (date(2027, 1, 31), date(2027, 1, 31), date(2027, 1, 31)),
        (date(2026, 1, 31), date(2027, 1, 31), date(2026, 1, 31)),
    ],
    ids=str,
)
def test_tells_the_first_day(given: date | None, last: date, expected: date) -> None:
    """Unless one is given it is the 30th from the last, and never before there are days."""
    assert first_day(given, last) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (date(2027, 2, 1), "must not be after the last day"),
        (date(2026, 1, 30), "must be less than 366 days before the last"),
    ],
    ids=str,
)
def test_refuses_a_first_day_that_cannot_be_meant(given: date, message: str) -> None:
    """It neither comes after the last, nor a year and more before."""
    with pytest.raises(ValueError, match=message):
        first_day(given, date(2027, 1, 31))
