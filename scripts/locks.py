"""Read the lock files: which packages does each one name, in which version, and for which computers."""

import re
import sys
from pathlib import Path
from typing import NamedTuple

PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[^ ;]+)(?: ; (?P<marker>.+?))? \\")
WITHIN = re.compile(r"\s+--hash=sha256:[0-9a-f]{64}( \\)?|\s*#.*|\s*")


class Pin(NamedTuple):
    """One package of a lock file; `marker` says for which computers, and is empty for all of them."""

    name: str
    version: str
    marker: str

    @property
    def is_for_linux(self) -> bool:
        """Return whether Ondol ever installs it: Ondol runs on Linux alone."""
        return "sys_platform == 'win32'" not in self.marker


def pins(lock: Path) -> list[Pin]:
    """Return all packages of a lock file. A line that is not understood ends the program: nothing is left out."""
    found = []
    for line in lock.read_text().splitlines():
        if pin := PIN.fullmatch(line):
            found.append(Pin(pin["name"], pin["version"], pin["marker"] or ""))
        elif not WITHIN.fullmatch(line):
            sys.exit(f"{lock.name} has a line that is no package with a version and a hash: {line}")
    if not found:
        sys.exit(f"{lock.name} names no package.")
    return found
