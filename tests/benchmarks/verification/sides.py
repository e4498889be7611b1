"""The two sides of a ratio: what is measured, and what it is measured against, slot by slot."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol, TypeVar

from tests.benchmarks.process import cpu_seconds
from tests.benchmarks.verification.findings import Finding, Target, ratio


class Load(Protocol):
    """What came of a load, by whatever generator."""

    @property
    def calls(self) -> int:
        """How many calls were answered."""

    @property
    def rate(self) -> float:
        """How many in a second."""

    @property
    def busy(self) -> float:
        """The share of a core that the generator used."""


L = TypeVar("L", bound=Load)


@dataclass(slots=True)
class Side:
    """A process under load: what came of each slot. Without `pid` it is several processes."""

    pid: int | None = None
    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    async def measured(self, load: Awaitable[L]) -> L:
        """The load, when it has come to its end."""
        used = cpu_seconds(self.pid) if self.pid else 0.0
        came = await load
        if self.pid:
            self.costs.append((cpu_seconds(self.pid) - used) / came.calls * 1e6)
        self.rates.append(came.rate)
        self.busy.append(came.busy)
        return came

    @property
    def cost(self) -> str:
        """Processor time a call. It tells more than rates where others use the machine too."""
        return f"{median(self.costs):.1f} µs" if self.costs else "?"


def compared(name: str, target: Target, ours: Side, theirs: Side) -> Finding:
    """The line of the table."""
    generator = f"generator {max(median(ours.busy), median(theirs.busy)):.0%} of a core"
    cost = f"processor {ours.cost} ÷ {theirs.cost} a call; " if ours.costs else ""
    return ratio(name, target, ours.rates, theirs.rates, cost + generator)
