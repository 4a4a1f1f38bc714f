"""`python -m tests.upgrades`: upgrade two webs and two workers one after the other, while people make machines."""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.upgrades.site import NEW, Site, Version
from tests.upgrades.verdict import wrongs

PEOPLE = 24
SETTLED_WITHIN = 60.0
"""Seconds from the last step until all machines are as requested. Promised."""


def main() -> int:
    """The exit code is 1 if anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.upgrades", description=__doc__)
    parser.add_argument("--from", dest="rev", required=True, help="the version before, as git knows it")
    parser.add_argument("--back", action="store_true", help="and back again, in the opposite order")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ondol-upgrade-") as folder:
        old = _checked_out(options.rev, Path(folder) / "old")
        with Site(Path(folder)) as site:
            _upgrade(site, old, NEW)
            if options.back:
                _go_back(site, old)
            found = _settled(site)
            there = len([person for person in site.people if person.wish])
    print(*found, f"{there} people; wrong: {len(found)}", sep="\n")
    return bool(found)


def _checked_out(rev: str, folder: Path) -> Version:
    subprocess.run(["git", "clone", "--quiet", str(NEW.root), str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "checkout", "--quiet", "--detach", rev], check=True)
    subprocess.run(["scripts/setup", "run"], cwd=folder, check=True, stderr=subprocess.DEVNULL)
    return Version(folder)


def _upgrade(site: Site, old: Version, new: Version) -> None:
    """Upgrade as docs/upgrading.md says: the schema, workers, webs. After each step people ask for something."""
    site.migrate(old)
    site.admit(old, PEOPLE)
    for kind in ("web", "web", "worker", "worker"):
        site.start(old, kind)
    site.click()
    site.migrate(new)
    site.click()
    for part in (*site.workers, *site.webs):
        site.replace(part, new)
        site.click()


def _go_back(site: Site, old: Version) -> None:
    """Go back in the opposite order; the schema stays."""
    for part in (*site.webs, *site.workers):
        site.replace(part, old)
        site.click()


def _settled(site: Site) -> list[str]:
    end = time.monotonic() + SETTLED_WITHIN
    while (found := wrongs(site)) and time.monotonic() < end:
        time.sleep(0.5)
    return found


if __name__ == "__main__":
    sys.exit(main())
