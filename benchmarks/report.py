"""Runs of A and B in turn, and what they say: the median of the ratios, pair by pair."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 3


@dataclass(slots=True)
class Figure:
    """One measure, ours and a peer's, round by round."""

    name: str
    unit: str
    ours: list[float]
    peer: str
    theirs: list[float]
    less_is_better: bool = False

    def line(self) -> str:
        """`name  ours  peer  ratio`: how many times better we are, median and spread."""
        pairs = zip(self.ours, self.theirs, strict=True)
        ratios = sorted(b / a if self.less_is_better else a / b for a, b in pairs)
        return (
            f"{self.name:<44} {statistics.median(self.ours):>12,.1f} {self.unit:<9}"
            f" {self.peer:>22} {statistics.median(self.theirs):>12,.1f}"
            f"   {statistics.median(ratios):6.2f}x ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


def in_turn(
    ours: Callable[[], dict[str, float]], theirs: Callable[[], dict[str, float]]
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """A B A B …; each run gives figures by name."""
    a: dict[str, list[float]] = {}
    b: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for run, into in ((ours, a), (theirs, b)):
            for name, value in run().items():
                into.setdefault(name, []).append(value)
    return a, b
