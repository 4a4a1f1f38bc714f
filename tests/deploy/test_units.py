"""systemd's units: hardened and patient; and `ondol install`, which writes them."""

import re
import shutil
import subprocess
import sys
from importlib.resources import files

import pytest

from localcloud import running
from ondol import worker
from ondol.commands import CommandError, install, main
from ondol.deploy import units
from ondol.host import tree
from ondol.host.gateway import SERVER

ALL = (*units.ONE, *units.SEVERAL)
WEB_STOPS_WITHIN = int(SERVER[SERVER.index("--workers-kill-timeout") + 1])
EXPOSURE = 3.0
"""The most that `systemd-analyze security` may say."""


def read(name):
    """Return the settings of a unit: each name with its values."""
    found = {}
    for line in (files("ondol.deploy") / name).read_text().splitlines():
        if match := re.fullmatch(r"(\w+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", ALL)
def test_a_unit_may_do_little(name):
    words = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=30"]
    done = subprocess.run([*words, str(files("ondol.deploy") / name)], text=True, capture_output=True)
    said = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert said, done.stderr
    assert float(said[1]) <= EXPOSURE


def test_no_part_is_killed_before_its_own_patience_is_over():
    own = {"web and worker": max(worker.DRAIN + 1, WEB_STOPS_WITHIN), "cloud": running.ENDS_WITHIN}
    assert all(tree.STOPS_WITHIN[part] >= seconds + 1 for part, seconds in own.items())
    needed = {
        "ondol.service": sum(tree.STOPS_WITHIN.values()),
        "ondol-worker.service": worker.DRAIN + 1,
        "ondol-web.service": WEB_STOPS_WITHIN,
    }
    for name, seconds in needed.items():
        [timeout] = read(name)["TimeoutStopSec"]
        assert int(timeout) >= seconds + 5, name
    assert read("ondol-migrate.service")["TimeoutStartSec"] == ["infinity"]


@pytest.mark.parametrize("name", sorted({*ALL} - {"ondol-migrate.service"}))
def test_a_part_is_started_again_for_as_long_as_its_database_is_away(name):
    unit = read(name)
    assert (unit["Restart"], unit["StartLimitIntervalSec"]) == (["always"], ["0"])


def test_pages_and_migrations_do_not_reach_the_metadata_service():
    denied = {name for name in ALL if "169.254.169.254 fd00:ec2::254" in read(name).get("IPAddressDeny", [])}
    assert denied == {"ondol-web.service", "ondol-migrate.service"}


def test_what_migrates_alone_is_given_the_owner_of_the_tables():
    """It is systemd that reads this file, as root; the user of the units cannot."""
    given = {name for name in ALL if read(name).get("EnvironmentFile") == ["-/etc/ondol-owner.env"]}
    assert given == {"ondol.service", "ondol-migrate.service"}
    assert not [name for name in {*ALL} - given if "EnvironmentFile" in read(name)]


def test_all_units_are_hardened_alike():
    own = {
        "Description",
        "After",
        "Type",
        "ExecStart",
        "RestartSec",
        "TimeoutStopSec",
        "TimeoutStartSec",
        "IPAddressDeny",
    }
    own |= {"Restart", "KillMode", "StartLimitIntervalSec", "WantedBy", "EnvironmentFile"}
    alike = [{key: value for key, value in read(name).items() if key not in own} for name in ALL]
    assert all(one == alike[0] for one in alike)
    assert alike[0]["StateDirectory"] == ["ondol"]


# --- ondol install ---------------------------------------------------------------------------------------------------
@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "units"
    made.mkdir()
    return made


def plan(folder, user="ondol"):
    name = "ondol-web.service"
    return units.plan(folder / name, units.filled_in(name, user=user))


def test_a_unit_is_written_once_and_follows_a_new_version(folder):
    assert plan(folder).state is units.State.MISSING
    plan(folder).carry_out(replaces=False)
    assert plan(folder).state is units.State.CURRENT
    assert plan(folder, "other").state is units.State.OLDER
    plan(folder, "other").carry_out(replaces=False)
    assert "User=other\n" in (folder / "ondol-web.service").read_text()
    assert (folder / "ondol-web.service").stat().st_mode & 0o777 == 0o644
    assert [file.name for file in folder.iterdir()] == ["ondol-web.service"]


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("RestartSec=2", "RestartSec=20"),
        lambda text: text + "# mine\n",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.partition("\n")[2],
        lambda text: text.replace("UMask=0077\n", ""),
        lambda text: "# ours\n" + text,
        lambda text: "",
        lambda text: re.sub(r"\([0-9a-f]{16}\)", "(0123456789abcdef)", text),
    ],
)
def test_what_somebody_has_edited_is_kept(folder, edit):
    plan(folder).carry_out(replaces=False)
    file = folder / "ondol-web.service"
    edited = edit(file.read_bytes().decode())
    file.write_bytes(edited.encode())
    for _ in range(2):
        assert "LEAVE: somebody has edited it" in plan(folder).carry_out(replaces=False)
        assert file.read_bytes().decode() == edited
    plan(folder).carry_out(replaces=True)
    assert plan(folder).state is units.State.CURRENT
    [copy] = folder.glob("*.edited-*")
    assert copy.read_bytes().decode() == edited


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--user", "root"], "name a user other than root"),
        (["--user", "김 민지"], "name a user other than root"),
        (["--env-file", "/etc/on dol.env"], "use a path without spaces"),
        (["--env-file", "/etc/%n.env"], "use a path without spaces"),
        (["--env-file", "/home/minji/.env"], "the units do not see /home"),
        (["--env-file", "/root/.env"], "the units do not see /root"),
        (["--env-file", "/tmp/ondol.env"], "the units do not see /tmp"),
        (["--units", "/nonexistent"], "Is this a host with systemd?"),
    ],
)
def test_what_no_unit_could_use_is_refused(options, sentence, capsys, folder):
    assert main(["install", "--units", str(folder), *options]) == 1
    assert sentence in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_an_installation_that_units_do_not_see_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ondol").touch()
    with pytest.raises(CommandError, match="Install Ondol below /opt/ondol"):
        install._program()


@pytest.mark.parametrize(
    ("executable", "base", "sentence"),
    [
        ("/root/.pyenv/versions/3.11.9/bin/python3.11", "/usr", "the units do not see /root"),
        ("/home/minji/miniconda3/bin/python3.11", "/usr", "the units do not see /home"),
        ("/run/user/1000/python/bin/python3.11", "/usr", "the units do not see /run/user"),
        ("LINK", "/usr", "the units do not see /root"),
        ("/usr/bin/python3", "/root/.local/share/uv/python/cpython-3.11", "the units do not see /root"),
        ("/usr/bin/python3", "/home/minji/.pyenv/versions/3.11.9", "the units do not see /home"),
        ("/usr/bin/python3", "PRIVATE", "only its owner may enter"),
        ("PRIVATE/bin/python3", "/usr", "only its owner may enter"),
        ("/usr/bin/python3", "/usr", ""),
    ],
)
def test_a_python_that_units_cannot_reach_is_refused(executable, base, sentence, tmp_path, monkeypatch):
    link, private = tmp_path / "python3", tmp_path / "private"
    link.symlink_to("/root/.pyenv/versions/3.11.9/bin/python3.11")
    private.mkdir(mode=0o700)
    for name, path in (("executable", executable), ("base_prefix", base)):
        monkeypatch.setattr(sys, name, path.replace("LINK", str(link)).replace("PRIVATE", str(private)))
    monkeypatch.setattr(units, "HIDDEN", [hidden for hidden in units.HIDDEN if not tmp_path.is_relative_to(hidden)])
    if not sentence:
        install._check_python()
        return
    with pytest.raises(CommandError, match=f"{sentence}.* Make the virtual environment with /usr/bin/python3"):
        install._check_python()
