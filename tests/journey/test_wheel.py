"""The wheel alone, in an empty environment, is the whole product."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

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
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", str(wheel)], check=True, timeout=60)
    [packages] = (folder / "venv/lib").glob("python*/site-packages")
    lend(packages)
    return python


def lend(packages: Path) -> None:
    """What the wheel asks for, and what that asks for, from our own environment: pip takes half a minute for it."""
    [wheel] = distributions(path=[str(packages)])
    waiting, known = list(asked_for(wheel, set())), set()
    while waiting:
        wish = waiting.pop()
        found = distribution(wish.name)
        assert found.version in wish.specifier
        if (wish.name, *wish.extras) not in known:
            known.add((wish.name, *wish.extras))
            waiting += asked_for(found, wish.extras)
            tops = {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}
            subprocess.run(["cp", "-a", *(str(found.locate_file(top)) for top in tops), str(packages)], check=True)


def asked_for(one: Distribution, extras: set[str]) -> Iterator[Requirement]:
    """Its requirements here."""
    for wish in map(Requirement, one.requires or []):
        if wish.marker is None or any(wish.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield wish


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
