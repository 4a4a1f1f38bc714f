"""`python -m bench [jobs] [looks] [polls] [site] [forecast] [simulation] [work] [chatter]`: all but the last two where
none is named."""

import argparse
import tempfile
from importlib import import_module
from pathlib import Path

from bench import chatter, forecast, simulation, site, work
from bench.place import database

NAMES = ("jobs", "looks", "polls", "site", "forecast", "simulation")
LONG = ("work", "chatter")
"""These are run by their names only: one takes long, the other shows the same each time."""


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join((*NAMES, *LONG)))
    parser.add_argument("--machines", type=int, default=20, help="of each kind, for `work` (20)")
    options = parser.parse_args()
    wanted = options.names or NAMES
    if unknown := set(wanted) - {*NAMES, *LONG}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join((*NAMES, *LONG))}")
    with tempfile.TemporaryDirectory(prefix="ondol-bench-", ignore_cleanup_errors=True) as folder:
        if "site" in wanted:
            site.main(Path(folder))
        if "forecast" in wanted:
            forecast.main(Path(folder) / "forecast")
        if "simulation" in wanted:
            simulation.main()
        if "chatter" in wanted:
            chatter.main()
        if "work" in wanted:
            work.main(Path(folder) / "work", options.machines)
        alone = {"site", "forecast", "simulation", *LONG}
        if set(wanted) - alone:
            with database(Path(folder)):
                for name in [name for name in wanted if name not in alone]:
                    import_module(f"bench.{name}").main()  # now that Django knows its database


main()
