"""How often somebody may try: so many at once, and one more every so many seconds; pure.

A token bucket for each key (https://en.wikipedia.org/wiki/Token_bucket), kept as the moment at
which it is full again. It lives in memory: a flood of attempts must not become one of statements.
"""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

from app.errors import Code, Refusal

MOST_KEYS: Final = 10_000
# What one customer of a provider has of IPv6 addresses at the least.
NEIGHBOURS: Final = 64


class Attempts:
    """Attempts by key, of which there may be `burst` at once, and one more every `seconds`."""

    def __init__(
        self, burst: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience = burst * seconds
        self._seconds = seconds
        self._clock = clock
        # key → when it is as if nothing had been tried; the one that tried last is the last.
        self._recovered: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, key: Hashable) -> None:
        """Count an attempt.

        Raises:
            Refusal: there have been too many; it says when to come back.
        """
        now = self._clock()
        recovered = max(self._recovered.get(key, now), now) + self._seconds
        wait = recovered - now - self._patience
        if wait > 0:
            raise Refusal(Code.TOO_MANY_REQUESTS, retry_after=math.ceil(wait))
        self._recovered[key] = recovered
        self._recovered.move_to_end(key)
        self._forget(now)

    def give_back(self, key: Hashable) -> None:
        """Count an attempt no longer: it went well."""
        if key in self._recovered:
            self._recovered[key] -= self._seconds
            if self._recovered[key] <= self._clock():
                del self._recovered[key]

    def _forget(self, now: float) -> None:
        """Let go of the oldest keys that have recovered; for want of room, of those that will next.

        Not simply of the oldest: who is locked out could then get in by a flood of other names.
        """
        while next(iter(self._recovered.values())) <= now:
            self._recovered.popitem(last=False)
        while len(self._recovered) > MOST_KEYS:
            del self._recovered[min(self._recovered, key=self._recovered.__getitem__)]


def neighbourhood(address: str) -> str:
    """What is counted as one address: an IPv4 address, or the network of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:  # noqa: PLR2004 - the name of the protocol
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, NEIGHBOURS), strict=False))
