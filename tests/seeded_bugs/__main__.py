"""Checks that the tests find bugs: each bug is put into a copy of the checkout, and its tests must fail there.

`python -m tests.seeded_bugs [NAME …]` prints one line for each, with the test that caught it, and how many were caught;
`--tests PATH` (several times, if need be) runs those tests instead.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.seeded_bugs.bug import Bug
from tests.seeded_bugs.bugs import BUGS

ROOT = Path(__file__).parents[2]
LANES = os.cpu_count() or 1


def main() -> int:
    """Try all, or those named, as many at a time as there are processors; return 1 if any was not caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.seeded_bugs")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--tests", action="append", metavar="PATH", help="run these instead of the bugs' own")
    asked = parser.parse_args()
    if unknown := set(asked.names) - {bug.name for bug in BUGS}:
        parser.error(f"there is no such bug: {', '.join(sorted(unknown))}")
    wanted = [bug for bug in BUGS if not asked.names or bug.name in asked.names]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(LANES) as lanes:
        copies: SimpleQueue[Path] = SimpleQueue()
        for lane in range(LANES):
            copies.put(_copy(Path(folder) / str(lane)))
        caught = sum(lanes.map(lambda bug: _is_caught(bug, copies, asked.tests), wanted))
    print(f"{caught} of {len(wanted)} caught in {(time.monotonic() - began) / 60:.1f} min")
    return int(caught < len(wanted))


def _copy(to: Path) -> Path:
    """Copy the checkout, with the packages beside it."""
    shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns(".git", ".venv", "*_cache", "__pycache__", "dist"))
    (to / ".venv").symlink_to(ROOT / ".venv")
    return to


def _is_caught(bug: Bug, copies: SimpleQueue[Path], tests: list[str] | None) -> bool:
    """Try a bug in a copy that no other is in, and print what came of it."""
    copy, began = copies.get(), time.monotonic()
    file, text = bug.put_into(copy)
    sound = file.read_text("utf-8")
    file.write_text(text, "utf-8")
    try:
        by = _first_failure(copy, tests or [f"tests/{path}" for path in bug.tests.split()])
    finally:
        file.write_text(sound, "utf-8")
        copies.put(copy)
    took = f"{time.monotonic() - began:4.0f} s"
    print(f"{'caught' if by else 'MISSED'}  {took}  {bug.name}{f'  by {by}' if by else ''}", flush=True)
    return bool(by)


def _first_failure(copy: Path, tests: list[str]) -> str:
    """Return the test that failed first; empty if none did."""
    words = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    env = {**os.environ, "PYTHONPATH": f"{copy}:{copy}/localcloud/src"}
    done = subprocess.run(words, cwd=copy, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "FAILED" in done.stdout or "ERROR " in done.stdout, done.stdout[-2000:]
    failed = (line.split()[1] for line in done.stdout.splitlines() if line.startswith(("FAILED tests", "ERROR tests")))
    return next(failed, "")


if __name__ == "__main__":
    raise SystemExit(main())
