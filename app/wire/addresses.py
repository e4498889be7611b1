"""Where a request comes from, behind gateways or not."""

import ipaddress
from collections.abc import Sequence
from typing import TypeAlias

from app.errors import CannotStart

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def networks(text: str | None) -> list[Network]:
    """The networks of an operator's list, separated by commas.

    Raises:
        CannotStart: one of them is none.
    """
    try:
        parts = (part.strip() for part in (text or "").split(","))
        return [ipaddress.ip_network(part) for part in parts if part]
    except ValueError as error:
        raise CannotStart(f"--trusted-proxies: {error}") from None


def client(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The address nearest to us that is no trusted gateway's; "" if the connection has none.

    X-Forwarded-For grows at its right: what stands left of an address we do not trust is only what
    that address says (https://developer.mozilla.org/docs/Web/HTTP/Headers/X-Forwarded-For).
    """
    nearest = _address(peer or "") if trusted else None
    if nearest is None:
        return peer or ""
    for hop in reversed([part for value in forwarded for part in value.split(",")]):
        further = _address(hop.strip())
        if further is None or not any(nearest in network for network in trusted):
            break
        nearest = further
    return str(nearest)


def _address(text: str) -> Address | None:
    """The address that a text is; some gateways add a port: 192.0.2.1:80, [2001:db8::1]:80."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
