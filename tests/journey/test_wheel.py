"""The wheel alone, in an empty environment, is the whole product."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.journey.site import Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The Python of an environment that has nothing but the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "-q"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT)], check=True, timeout=120
    )
    wheel = next(folder.glob("ondol-*.whl"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = folder / "venv/bin/python"
    # The locked versions, without the hash mode, which would want one of the wheel itself.
    pins = "".join(
        line for line in (ROOT / "requirements.lock").read_text().replace(" \\\n", "\n").splitlines(keepends=True)
        if not line.lstrip().startswith("--hash")
    )  # fmt: skip
    (folder / "pins.txt").write_text(pins)
    install = ["--python", str(python), "install", str(wheel), "-c", str(folder / "pins.txt")]
    subprocess.run([*pip, *install], check=True, timeout=240)
    return python


def test_it_runs_outside_the_checkout(installed, tmp_path):
    site = Site(tmp_path / "home", python=str(installed), cwd=tmp_path).start()
    try:
        alice = site.person("alice")
        alice.create()
        assert alice.ssh(alice.key(tmp_path), "echo in") == "in\n"
        page = alice.page("/accounts/login/")
        assert "로그인" in page
        style = page.split('rel="stylesheet" href="')[1].split('"')[0]
        assert "--" in alice.page(style)
    finally:
        site.stop()
