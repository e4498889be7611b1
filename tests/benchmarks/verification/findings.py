"""What was found, beside what is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Target:
    """A bound that a figure is to keep, from above or from below."""

    bound: float
    is_lowest: bool

    def holds(self, found: float) -> bool:
        """Whether a figure keeps it."""
        return found >= self.bound if self.is_lowest else found <= self.bound

    def __str__(self) -> str:
        """As the table shows it."""
        return f"{'≥' if self.is_lowest else '≤'} {self.bound:g}"


def at_least(bound: float) -> Target:
    """A target that larger figures keep."""
    return Target(bound, is_lowest=True)


def at_most(bound: float) -> Target:
    """A target that smaller figures keep."""
    return Target(bound, is_lowest=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table; without a target it is there to be known."""

    name: str
    figure: float
    shown: str
    target: Target | None = None
    details: str = ""

    def __str__(self) -> str:
        """As the table shows it."""
        verdict = (
            "" if self.target is None else "OK" if self.target.holds(self.figure) else "missed"
        )
        return " | ".join((self.name, str(self.target or ""), self.shown, verdict, self.details))


def ratio(
    name: str, target: Target, ours: Sequence[float], theirs: Sequence[float], details: str = ""
) -> Finding:
    """The median of the ratios of slots that took turns."""
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    shown = f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
    sides = f"{median(ours):,.0f}/s ÷ {median(theirs):,.0f}/s"
    return Finding(name, median(ratios), shown, target, "; ".join(filter(None, (sides, details))))


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that so many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def milliseconds(seconds: float) -> str:
    """A time as a reader likes it."""
    return f"{seconds * 1000:.2f} ms"
