"""`python -m bench [NAME…]`: measure these; without names, what docs/performance.md promises."""

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path

from bench import chatter, clicks, footprint, forecast, hosts, loads, record, restarts, simulation, site, warm_ups, work
from bench.place import NotHere, database, workplace

NAMES = (
    "hosts", "clicks", "footprint",
    "pages", "jupyterhub", "processes", "idle", "browsers",
    "worker", "freshness", "rules",
)  # fmt: skip
"""What a run without names measures, in this order: those that need no database, those that need one with a large
institute in it, and those that put other machines there."""
OTHERS = (
    "site", "jobs", "looks", "polls", "pool", "serving",
    "forecast", "simulation", "work", "loads", "restarts", "warm_ups", "chatter",
)  # fmt: skip
"""These are run by their names only: they take long, or show the same each time."""
_ALONE: dict[str, Callable[[Path, int], None]] = {
    "hosts": lambda folder, machines: hosts.main(folder),
    "site": lambda folder, machines: site.main(folder),
    "footprint": lambda folder, machines: footprint.main(folder),
    "forecast": lambda folder, machines: forecast.main(folder),
    "simulation": lambda folder, machines: simulation.main(),
    "chatter": lambda folder, machines: chatter.main(),
    "work": work.main,
    "loads": loads.main,
    "restarts": lambda folder, machines: restarts.main(folder),
    "warm_ups": lambda folder, machines: warm_ups.main(folder),
    "clicks": lambda folder, machines: clicks.main(folder),
}
"""Those that need no database here."""
_SIZED = {"worker", "freshness", "rules"}
"""Those of the others that may be measured with fewer machines."""
_SMALL = {"rules": 60}
"""How many machines a run without names takes: three a second, by Amazon's quota."""


def main() -> None:
    """Measure, print tables, draw plots; leave with 1 where a benchmark failed, or a ratio got worse."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join((*NAMES, *OTHERS)))
    parser.add_argument(
        "--machines", type=int,
        help="of each kind, for `work` and `loads` (20); for `worker`, `freshness` and `rules` (1000)",
    )  # fmt: skip
    parser.add_argument("--record", action="store_true", help=f"write the ratios into bench/{record.RECORDED.name}")
    parser.add_argument("--compare", action="store_true", help="fail where a ratio got worse by 20%% than recorded")
    options = parser.parse_args()
    wanted = options.names or NAMES
    if unknown := set(wanted) - {*NAMES, *OTHERS}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join((*NAMES, *OTHERS))}")
    run, began = _Run(), time.monotonic()
    sizes = dict.fromkeys(_SIZED, options.machines) if options.machines else {} if options.names else _SMALL
    run.measure(wanted, options.machines, sizes)
    record.tell()
    record.draw()
    print(f"\n{len(run.done)} benchmarks took {(time.monotonic() - began) / 60:.0f} minutes")
    is_worse = record.is_worse(run.done) if options.compare else False
    for what, names in (("failed", run.failed), ("not measured here", run.missed)):
        if names:
            print(f"{what}: {', '.join(names)}")
    if options.record:
        record.keep(run.done)
    sys.exit(int(is_worse or bool(run.failed) or bool(run.missed and options.names)))


class _Run:
    """What became of the benchmarks: one that fails does not keep the others from being run."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failed: list[str] = []
        self.missed: list[str] = []

    def measure(self, wanted: Collection[str], machines: int | None, sizes: Mapping[str, int]) -> None:
        """Run these, in our order, with so many machines where that is said."""
        with workplace() as folder:
            for name, measure in _ALONE.items():
                if name in wanted:
                    self._try(name, partial(measure, folder / name, machines or 20))
            if others := [name for name in (*OTHERS, *NAMES) if name in wanted and name not in _ALONE]:
                with database(folder):
                    for name in others:
                        self._try(name, partial(_by_name, name, *([sizes[name]] if name in sizes else [])))

    def _try(self, name: str, measure: Callable[[], None]) -> None:
        began = time.monotonic()
        try:
            measure()
        except NotHere as reason:
            self.missed.append(name)
            print(f"\n{name} was not measured: {reason}", file=sys.stderr)
        except Exception:
            self.failed.append(name)
            traceback.print_exc()
        else:
            self.done.append(name)
            print(f"\n({name} took {time.monotonic() - began:.0f} s)", flush=True)


def _by_name(name: str, *size: int) -> None:
    """Run one whose module is imported now that Django knows its database."""
    import_module(f"bench.{name}").main(*size)


if __name__ == "__main__":
    main()
