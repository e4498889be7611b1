import pytest

from app.errors import CannotStart
from app.wire.addresses import client, networks

TRUSTED = networks("10.0.0.0/8, 2001:db8:f::/48, 192.0.2.1")
GATEWAY = "10.0.0.1"
STRANGER = "198.51.100.7"


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        (GATEWAY, ["203.0.113.9"], "203.0.113.9"),
        (GATEWAY, ["spoofed, 203.0.113.9"], "203.0.113.9"),
        (GATEWAY, ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        (GATEWAY, ["203.0.113.9, 10.1.1.1"], "203.0.113.9"),
        (GATEWAY, ["203.0.113.9 ,10.1.1.1,10.2.2.2 "], "203.0.113.9"),
        (GATEWAY, ["198.51.100.1, 203.0.113.9, 10.1.1.1"], "203.0.113.9"),
        (GATEWAY, ["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
        (GATEWAY, ["203.0.113.9", "10.1.1.1"], "203.0.113.9"),
        (GATEWAY, ["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        (GATEWAY, ["2001:DB8:0:0::1"], "2001:db8::1"),
        (GATEWAY, ["203.0.113.9, 2001:db8:f::1"], "203.0.113.9"),
        (GATEWAY, ["203.0.113.9, 192.0.2.1"], "203.0.113.9"),
        (GATEWAY, ["203.0.113.9, 192.0.2.2"], "192.0.2.2"),
        (GATEWAY, ["203.0.113.9:4711"], "203.0.113.9"),
        (GATEWAY, ["[2001:db8::1]:4711, 10.1.1.1:80"], "2001:db8::1"),
        (GATEWAY, ["[2001:db8::1]"], "2001:db8::1"),
        (GATEWAY, ["::ffff:203.0.113.9"], "203.0.113.9"),
        (f"::ffff:{GATEWAY}", ["203.0.113.9"], "203.0.113.9"),
        ("2001:db8:f::9", ["203.0.113.9"], "203.0.113.9"),
    ],
)
def test_believes_its_own_gateways(peer: str, forwarded: list[str], expected: str) -> None:
    """It is the rightmost address that no gateway of ours has, or the first of ours."""
    assert client(peer, forwarded, TRUSTED) == expected


@pytest.mark.parametrize(
    "forwarded", [["203.0.113.9"], ["10.0.0.1"], ["", "203.0.113.9, 10.1.1.1"], ["junk"], []]
)
@pytest.mark.parametrize("peer", [STRANGER, "2001:db8::1", "11.0.0.1", "192.0.2.2"])
def test_believes_nobody_else(peer: str, forwarded: list[str]) -> None:
    """What a stranger says about itself is not looked at."""
    assert client(peer, forwarded, TRUSTED) == peer


@pytest.mark.parametrize("forwarded", [["203.0.113.9"], ["203.0.113.9, 127.0.0.1"], []])
def test_without_gateways_nobody_is_believed(forwarded: list[str]) -> None:
    """Unless an operator names some, the connection alone tells."""
    assert client("127.0.0.1", forwarded, []) == "127.0.0.1"


@pytest.mark.parametrize(
    "hop",
    [
        "",
        "unknown",
        "_hidden",
        "203.0.113",
        "203.0.113.9.9",
        "203.0.113.9:80:80",
        "1.2.3.4 5.6.7.8",
        "[",
        "[]",
        "\udcff",
        "9" * 8000,
        "gateway.example",
        "10.0.0.0/8",
    ],
)
def test_stops_at_what_is_no_address(hop: str) -> None:
    """What cannot be counted as an address is counted as the gateway that passed it on."""
    assert client(GATEWAY, [f"203.0.113.9, {hop}"], TRUSTED) == GATEWAY
    assert client(GATEWAY, [f"{hop}, 10.1.1.1"], TRUSTED) == "10.1.1.1"


@pytest.mark.parametrize("peer", [None, ""])
def test_a_connection_may_have_no_address(peer: str | None) -> None:
    """One over a Unix socket has none, and is believed nothing."""
    assert client(peer, ["203.0.113.9"], TRUSTED) == ""


def test_a_zone_is_no_part_of_an_address() -> None:
    """The same neighbour is the same on each of our links, and its name for one is not shown."""
    assert client(GATEWAY, ["fe80::1%eth0"], TRUSTED) == "fe80::1"


@pytest.mark.parametrize("text", [None, "", " ", ",", " , "])
def test_no_networks(text: str | None) -> None:
    """An empty list names none."""
    assert networks(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.0/8", ["10.0.0.0/8"]),
        ("127.0.0.1", ["127.0.0.1/32"]),
        ("::1, fd00::/8 ,10.0.0.0/8,", ["::1/128", "fd00::/8", "10.0.0.0/8"]),
        ("10.0.0.0/255.0.0.0", ["10.0.0.0/8"]),
    ],
)
def test_reads_networks(text: str, expected: list[str]) -> None:
    """Networks and single addresses of both families."""
    assert [str(network) for network in networks(text)] == expected


@pytest.mark.parametrize(
    "text", ["nonsense", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8;::1", "10.0.0.0/8, x", "*"]
)
def test_refuses_what_is_no_network(text: str) -> None:
    """The flag is named; a network with bits of a host in it is a slip of the pen."""
    with pytest.raises(CannotStart, match=r"^--trusted-proxies: "):
        networks(text)
