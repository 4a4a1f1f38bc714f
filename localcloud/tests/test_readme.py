"""What the README shows works as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from trial import SOURCE, Trial

pytestmark = pytest.mark.slow

README = SOURCE.parent / "README.md"


def test_the_example_logs_in_to_a_machine(tmp_path: Path) -> None:
    example, *_ = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    trial = Trial(tmp_path / "home").start()
    try:
        (tmp_path / "work").mkdir()
        variables = {**os.environ, **trial.environment}
        words = [sys.executable, "-c", example]
        done = subprocess.run(words, env=variables, cwd=tmp_path / "work", capture_output=True, text=True, timeout=60)
    finally:
        trial.end()
    assert done.stdout.startswith("ip-10-20-"), done.stderr


def test_the_help_lists_the_options_that_the_readme_explains() -> None:
    explained = set(re.findall(r"^\| `(--[a-z-]+)", README.read_text(), re.MULTILINE))
    done = subprocess.run([sys.executable, "-m", "localcloud", "--help"], capture_output=True, text=True, check=True)
    assert explained == set(re.findall(r"^  (--[a-z-]+)", done.stdout, re.MULTILINE))
