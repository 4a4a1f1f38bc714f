"""What a run has found: its ratios, beside those recorded in `bench/recorded.json`, and the lines of its plots."""

import json
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.place import table

RECORDED = Path(__file__).with_name("recorded.json")
IMAGES = Path(__file__).parents[1] / "docs" / "images"
WORSE = 0.2
"""A ratio that got worse by this part of the recorded one, or more, is told."""
_DRAWING = Path(sys.prefix) / "bench" / "plots" / "bin" / "python"


@dataclass(frozen=True)
class Ratio:
    """One ratio, and where it was measured."""

    value: float
    more_is_better: bool
    date: str
    commit: str
    processor: str

    def change(self, before: "Ratio") -> float:
        """Return by which part this is better than before; below zero: worse."""
        more = self.value / before.value - 1
        return more if self.more_is_better else -more


@dataclass(frozen=True)
class Plot:
    """The lines of a plot, or its bars, by name."""

    title: str
    x: str
    y: str
    points: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    bars: dict[str, dict[str, float]] = field(default_factory=dict)


_ratios: dict[str, tuple[float, bool]] = {}
_plots: dict[str, Plot] = {}


def ratio(name: str, value: float, *, more_is_better: bool = True) -> None:
    """Keep a ratio of this run under a name that begins with that of its benchmark: "polls: 204 beside before"."""
    if not 0 < value < float("inf"):
        raise ValueError(f"{name}: a ratio is more than zero, not {value}")
    if name in _ratios:
        raise ValueError(f"{name}: this run has that ratio already")
    _ratios[name] = value, more_is_better


def series(plot: str, title: str, x: str, y: str, points: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """Keep lines of a plot, whose axes are named with their units: `draw` writes docs/images/bench-<plot>.svg."""
    _plots[plot] = Plot(title, x, y, {line: list(some) for line, some in points.items()})


def bars(plot: str, title: str, x: str, values: Mapping[str, Mapping[str, float]]) -> None:
    """Keep bars of a plot, which lie one below the other: of each kind, the value of each thing, in the unit of `x`."""
    _plots[plot] = Plot(title, x, "", bars={kind: dict(some) for kind, some in values.items()})


def hand_over(file: Path) -> None:
    """Write what a part of a run has found that is a process of its own."""
    file.write_text(json.dumps([_ratios, {name: asdict(plot) for name, plot in _plots.items()}]))


def take_over(file: Path) -> None:
    """Keep what such a part has found."""
    ratios, plots = json.loads(file.read_text())
    for name, (value, is_better) in ratios.items():
        ratio(name, value, more_is_better=is_better)
    for name, plot in plots.items():
        _plots[name] = Plot(**plot)


def tell() -> None:
    """Print the ratios of this run, each beside the recorded one."""
    recorded, rows = _read(), []
    for name, found in sorted(_measured().items()):
        before = recorded.get(name)
        told = (f"{before.value:.2f} ×", f"{found.change(before):+.0%}") if before else ("–", "")
        rows.append((name, f"{found.value:.2f} ×", "more" if found.more_is_better else "less", *told))
    if rows:
        table("Ratios of this run", ["", "now", "better is", "recorded", "better by"], rows)


def keep(done: Collection[str]) -> None:
    """Write the ratios of this run into the committed file, in place of all those of the benchmarks that were done."""
    others = {name: found for name, found in _read().items() if _benchmark_of(name) not in done}
    kept = others | _measured()
    RECORDED.write_text(
        json.dumps({name: asdict(kept[name]) for name in sorted(kept)}, indent=2, ensure_ascii=False) + "\n"
    )
    print(f"\nRecorded {len(_ratios)} ratios in {RECORDED.name}")


def is_worse(done: Collection[str]) -> bool:
    """Print each ratio that got worse than recorded, and name what these benchmarks have not measured this time; return
    whether any got worse."""
    recorded, found = {name: one for name, one in _read().items() if _benchmark_of(name) in done}, _measured()
    worse = [name for name in sorted(found) if name in recorded and found[name].change(recorded[name]) <= -WORSE + 1e-9]
    for name in worse:
        now, before = found[name], recorded[name]
        print(
            f"worse: {name}: {now.value:.2f} × now, {before.value:.2f} × on {before.date} ({before.processor}),"
            f" {now.change(before):.0%}"
        )
    if missing := sorted(set(recorded) - set(found)):
        print(f"not measured in this run: {'; '.join(missing)}")
    if new := sorted(set(found) - set(recorded)):
        print(f"not recorded yet: {'; '.join(new)}")
    if not worse:
        print(f"{len(set(found) & set(recorded))} ratios were compared, and none got worse by {WORSE:.0%} or more")
    return bool(worse)


def draw() -> None:
    """Write the plots of this run."""
    for name, plot in _plots.items():
        path = IMAGES / f"bench-{name}.svg"
        words = [_DRAWING, Path(__file__).with_name("draw.py")]
        done = subprocess.run(words, input=json.dumps(asdict(plot)), capture_output=True, text=True, check=True)
        path.write_text(done.stdout)
        print(f"\nDrew docs/images/{path.name}: {plot.title}")


def _benchmark_of(ratio: str) -> str:
    return ratio.partition(":")[0]


def _read() -> dict[str, Ratio]:
    if not RECORDED.exists():
        return {}
    return {name: Ratio(**found) for name, found in json.loads(RECORDED.read_text()).items()}


def _measured() -> dict[str, Ratio]:
    where = f"{datetime.now(UTC):%Y-%m-%d}", _commit(), _processor()
    return {name: Ratio(round(value, 3), better, *where) for name, (value, better) in _ratios.items()}


def _commit() -> str:
    words = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    done = subprocess.run(words, cwd=IMAGES, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "no commit"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} × {models[0]}" if models else "unknown"
