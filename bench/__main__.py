"""`python -m bench [jobs] [looks] [polls] [pages] [jupyterhub] [processes] [pool] [idle] [footprint] [browsers]
[serving] [site] [forecast] [simulation] [work] [loads] [restarts] [warm_ups] [clicks] [chatter]`: all but the last six
where none is named."""

import argparse
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from bench import chatter, clicks, footprint, forecast, loads, restarts, simulation, site, warm_ups, work
from bench.place import database

NAMES = (
    "jobs", "looks", "polls", "pages", "jupyterhub", "processes", "pool", "idle", "footprint", "browsers", "serving",
    "site", "forecast", "simulation",
)  # fmt: skip
LONG = ("work", "loads", "restarts", "warm_ups", "clicks", "chatter")
"""These are run by their names only: they take long, or show the same each time."""
_ALONE: dict[str, Callable[[Path, int], None]] = {
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


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join((*NAMES, *LONG)))
    parser.add_argument("--machines", type=int, default=20, help="of each kind, for `work` and `loads` (20)")
    options = parser.parse_args()
    wanted = options.names or NAMES
    if unknown := set(wanted) - {*NAMES, *LONG}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join((*NAMES, *LONG))}")
    with tempfile.TemporaryDirectory(prefix="ondol-bench-", ignore_cleanup_errors=True) as folder:
        for name, measure in _ALONE.items():
            if name in wanted:
                measure(Path(folder) / name, options.machines)
        if others := [name for name in wanted if name not in _ALONE]:
            with database(Path(folder)):
                for name in others:
                    import_module(f"bench.{name}").main()  # now that Django knows its database


main()
