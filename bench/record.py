"""What a run has found. A stub: nothing is kept."""

from collections.abc import Mapping, Sequence


def ratio(name: str, value: float, *, more_is_better: bool = True) -> None:
    """Keep a ratio of this run."""


def series(plot: str, title: str, x: str, y: str, points: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """Keep lines of a plot."""
