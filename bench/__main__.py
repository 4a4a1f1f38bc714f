"""`python -m bench [jobs] [looks] [polls] [pages] [jupyterhub] [browsers] [serving] [site] [forecast] [simulation]
[work] [loads] [restarts] [warm_ups] [clicks] [chatter]`: all but the last six where none is named."""

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Collection
from functools import partial
from importlib import import_module
from pathlib import Path

from bench import chatter, clicks, forecast, loads, record, restarts, simulation, site, warm_ups, work
from bench.place import database

NAMES = ("jobs", "looks", "polls", "pages", "jupyterhub", "browsers", "serving", "site", "forecast", "simulation")
LONG = ("work", "loads", "restarts", "warm_ups", "clicks", "chatter")
"""These are run by their names only: they take long, or show the same each time."""
_ALONE: dict[str, Callable[[Path, int], None]] = {
    "site": lambda folder, machines: site.main(folder),
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


def main() -> None:
    """Measure, print tables, draw plots; leave with 1 where a benchmark failed, or a ratio got worse."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join((*NAMES, *LONG)))
    parser.add_argument("--machines", type=int, default=20, help="of each kind, for `work` and `loads` (20)")
    parser.add_argument("--record", action="store_true", help=f"write the ratios into bench/{record.RECORDED.name}")
    parser.add_argument("--compare", action="store_true", help="fail where a ratio got worse by 20% than recorded")
    options = parser.parse_args()
    wanted = options.names or NAMES
    if unknown := set(wanted) - {*NAMES, *LONG}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join((*NAMES, *LONG))}")
    failed = _measure(wanted, options.machines)
    record.tell()
    record.draw()
    is_worse = record.is_worse() if options.compare else False
    if failed:
        print(f"failed: {', '.join(failed)}")
    if options.record:
        record.keep(whole=not options.names and not failed)
    sys.exit(int(is_worse or bool(failed)))


def _measure(wanted: Collection[str], machines: int) -> list[str]:
    """Run these benchmarks; return the names of those that failed: the others go on."""
    failed = []
    with tempfile.TemporaryDirectory(prefix="ondol-bench-", ignore_cleanup_errors=True) as folder:
        for name, measure in _ALONE.items():
            if name in wanted and not _done(name, partial(measure, Path(folder) / name, machines)):
                failed.append(name)
        if others := [name for name in wanted if name not in _ALONE]:
            with database(Path(folder)):  # their modules are imported now that Django knows its database
                failed += [name for name in others if not _done(name, partial(_by_name, name))]
    return failed


def _by_name(name: str) -> None:
    import_module(f"bench.{name}").main()


def _done(name: str, measure: Callable[[], None]) -> bool:
    """Run one; return whether it came to its end."""
    began = time.monotonic()
    try:
        measure()
    except Exception:
        traceback.print_exc()
        return False
    print(f"\n({name} took {time.monotonic() - began:.0f} s)", flush=True)
    return True


if __name__ == "__main__":
    main()
