"""The exact commands with which each tool connects, and the key."""

import shutil
import subprocess

import pytest
from django.test import RequestFactory
from django.urls import reverse

from ondol.instances.lifecycle import Status
from ondol.policy.models import Policy
from ondol.web.machine.connect import Connect, way_for
from tests.web.conftest import PEM, machine

BOBS = Connect("bob", "203.0.113.24", "i-1")


def test_windows_powershell_word_for_word():
    assert BOBS.windows == (
        '$k="$env:USERPROFILE\\.ssh\\ondol-bob.pem"\n'
        'mkdir -Force "$env:USERPROFILE\\.ssh" | Out-Null\n'
        'Move-Item -Force "$env:USERPROFILE\\Downloads\\ondol-bob.pem" $k\n'
        'icacls $k /inheritance:r ; icacls $k /grant:r "$(whoami):R"\n'
        "ssh -i $k ubuntu@203.0.113.24"
    )


@pytest.mark.parametrize(("folder", "told"), [("다운로드", "다운로드"), ("Downloads", ""), ("Downloads", None)])
def test_the_key_is_moved_from_where_the_browser_puts_it(tmp_path, folder, told):
    """A Korean Linux names the folder in Korean, a bare one names one's home; macOS has no xdg-user-dir."""
    tools, downloads = tmp_path / "bin", tmp_path / folder
    for made in (tools, downloads):
        made.mkdir()
    if told is not None:
        (tools / "xdg-user-dir").write_text(f'#!/bin/sh\necho "$HOME/{told}"\n')
        (tools / "xdg-user-dir").chmod(0o755)
    for name in ("mkdir", "chmod", "mv"):
        (tools / name).symlink_to(shutil.which(name))
    for text in ("old", "new"):
        (downloads / "ondol-bob.pem").write_text(text)
        words = BOBS.unix.rpartition("\n")[0]  # without ssh
        subprocess.run(["/bin/sh", "-ec", words], env={"HOME": str(tmp_path), "PATH": str(tools)}, check=True)
    key = tmp_path / ".ssh" / "ondol-bob.pem"
    assert (key.read_text(), key.stat().st_mode & 0o777) == ("new", 0o600)


def test_the_configuration_word_for_word():
    assert BOBS.config_entry == (
        "Host ondol\n  HostName 203.0.113.24\n  User ubuntu\n  IdentityFile ~/.ssh/ondol-bob.pem\n"
        "  IdentitiesOnly yes\n  HostKeyAlias ondol-i-1\n  CheckHostIP no\n  StrictHostKeyChecking accept-new\n"
        "  ServerAliveInterval 60"
    )


def test_another_port_is_in_every_command():
    trial = Connect("bob", "127.0.0.2", "i-1", 2222)
    assert "ssh -p 2222 -i" in trial.windows
    assert "ssh -p 2222 -i" in trial.unix
    assert "scp -P 2222 -i" in trial.scp
    assert "\n  Port 2222\n" in trial.config_entry


def test_all_four_ways_are_on_the_page_without_javascript(bob, browser_of):
    machine(bob)
    page = browser_of(bob).get("/").text
    for words in ("Move-Item", "chmod 600", "vscode://vscode-remote/ssh-remote+ondol/home/ubuntu", "ondol-bob.ppk"):
        assert words in page


def test_connecting_is_shown_only_while_running(bob, browser_of):
    machine(bob, Status.STOPPED)
    assert "vscode://" not in browser_of(bob).get("/").text


@pytest.mark.parametrize(
    ("header", "value", "way"),
    [
        ("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "windows"),
        ("User-Agent", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "unix"),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)", "unix"),
        ("Sec-CH-UA-Platform", '"macOS"', "unix"),
        ("User-Agent", "", "windows"),
    ],
)
def test_the_system_is_guessed(header, value, way):
    assert way_for(RequestFactory().get("/", headers={header: value})) == way


def test_bob_takes_his_key(bob, browser_of):
    machine(bob)
    answer = browser_of(bob).post(reverse("machine_key"))
    assert answer.content.decode("ascii") == PEM
    assert answer.headers["Content-Type"] == "application/x-pem-file"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="ondol-bob.pem"'
    assert "no-store" in answer.headers["Cache-Control"]


def test_bob_takes_his_key_for_putty(bob, browser_of):
    machine(bob)
    answer = browser_of(bob).post(reverse("machine_key"), {"form": "ppk"})
    assert answer.content.startswith(b"PuTTY-User-Key-File-2: ssh-rsa\n")
    assert 'filename="ondol-bob.ppk"' in answer.headers["Content-Disposition"]


def test_without_a_key_it_says_so(bob, browser_of):
    machine(bob, Status.PENDING, key=False)
    assert "There is no key yet." in browser_of(bob).post(reverse("machine_key"), follow=True).text


def test_help_has_bobs_own_names(bob, browser_of):
    page = browser_of(bob).get(reverse("help")).text
    assert "ondol-bob.pem" in page
    assert "HostName ADDRESS" in page
    machine(bob)
    assert "HostName 203.0.113.24" in browser_of(bob).get(reverse("help")).text


@pytest.mark.parametrize("language", ["ko", "en"])
def test_help_names_network_and_disk_only_where_they_count(bob, browser_of, language):
    signals = {"ko": ("네트워크와 디스크", "kB/s"), "en": ("network nor its disk", "kB/s")}[language]
    page = browser_of(bob, language).get("/help/").text
    assert all(signal in page for signal in signals)
    Policy.objects.create(owner=None, lease_hours=0)
    page = browser_of(bob, language).get("/help/").text
    assert not any(signal in page for signal in signals)
