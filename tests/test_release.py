"""The unreleased changes become a version with its upgrade steps, or a sentence says why not."""

import re
import shutil
import subprocess
import sys

import pytest


@pytest.fixture
def checkout(tmp_path, request):
    """Return a copy of what a release reads and writes."""
    root = request.config.rootpath
    for file in ("scripts/release", "CHANGELOG.md", "ondol/__init__.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(root / file, tmp_path / file)
    changelog = tmp_path / "CHANGELOG.md"  # just after a release, nothing has changed
    changelog.write_text(changelog.read_text().replace("\n### ", "\n### Fixed\n\n- The floor.\n\n### ", 1))
    return tmp_path


def release(checkout, *words):
    words = [sys.executable, str(checkout / "scripts/release"), *words]
    return subprocess.run(words, capture_output=True, text=True, timeout=30)


def test_what_is_unreleased_now_can_become_a_version(checkout):
    before = (checkout / "CHANGELOG.md").read_text()
    assert release(checkout, "7.0.0").returncode == 0
    text = (checkout / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## (.*)$", text, re.M)
    assert headings[0] == "Unreleased"
    assert re.fullmatch(r"7\.0\.0 - \d{4}-\d\d-\d\d", headings[1])
    assert '__version__ = "7.0.0"' in (checkout / "ondol/__init__.py").read_text()
    notes = release(checkout, "--notes", "7.0.0").stdout
    assert "### Upgrade steps\n" in notes
    assert notes.strip() == before.partition("## Unreleased\n")[2].partition("\n## ")[0].strip()


def test_two_versions_follow_each_other(checkout):
    release(checkout, "7.0.0")
    file = checkout / "CHANGELOG.md"
    assert "nothing has changed" in release(checkout, "7.0.1").stderr
    file.write_text(file.read_text().replace("None.\n", "None.\n\n### Changed\n\n- Machines are warmer.\n", 1))
    assert release(checkout, "7.0.1").returncode == 0
    assert release(checkout, "--notes", "7.0.1").stdout.strip().endswith("- Machines are warmer.")
    assert "Machines are warmer" not in release(checkout, "--notes", "7.0.0").stdout


@pytest.mark.parametrize("version", ["7", "7.0", "v7.0.0", "7.0.0rc1", "07.0.0", "7.0.0.0", "", "7.0.０"])
def test_other_spellings_are_no_versions(checkout, version):
    done = release(checkout, version)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is no version" in done.stderr


def test_a_version_without_upgrade_steps_is_none(checkout):
    file = checkout / "CHANGELOG.md"
    file.write_text(file.read_text().replace("### Upgrade steps", "### Steps"))
    before = file.read_text()
    assert "has no “### Upgrade steps”" in release(checkout, "7.0.0").stderr
    assert file.read_text() == before


@pytest.mark.parametrize("version", ["7.0.0", "6.9.9", "0.0.1"])
def test_a_version_that_is_not_the_next_is_refused(checkout, version):
    release(checkout, "7.0.0")
    file = checkout / "CHANGELOG.md"
    file.write_text(file.read_text().replace("None.\n", "None.\n\n- More.\n", 1))
    assert "7.0.0 is in CHANGELOG.md already" in release(checkout, version).stderr


def test_a_version_that_there_is_not_has_no_notes(checkout):
    done = release(checkout, "--notes", "9.9.9")
    assert (done.returncode, done.stdout) == (1, "")
