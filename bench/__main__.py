"""`python -m bench [jobs] [looks] [polls] [site] [forecast] [simulation]`: all of them where none is named."""

import argparse
import tempfile
from importlib import import_module
from pathlib import Path

from bench import forecast, simulation, site
from bench.place import database

NAMES = ("jobs", "looks", "polls", "site", "forecast", "simulation")


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    wanted = parser.parse_args().names or NAMES
    if unknown := set(wanted) - set(NAMES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    with tempfile.TemporaryDirectory(prefix="ondol-bench-", ignore_cleanup_errors=True) as folder:
        if "site" in wanted:
            site.main(Path(folder))
        if "forecast" in wanted:
            forecast.main(Path(folder) / "forecast")
        if "simulation" in wanted:
            simulation.main()
        if set(wanted) - {"site", "forecast", "simulation"}:
            with database(Path(folder)):
                for name in [name for name in wanted if name not in {"site", "forecast", "simulation"}]:
                    import_module(f"bench.{name}").main()  # now that Django knows its database


main()
