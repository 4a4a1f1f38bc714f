"""Keys of people's own on one `ondol up`: OpenSSH logs in with them, and their private half is nowhere in the site."""

import base64
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_ssh_private_key
from playwright.sync_api import expect, sync_playwright

from tests.chromium import launch
from tests.furnished import furnished
from tests.journey.aws import ONE_OF_EACH, count, things_of
from tests.journey.site import Person, Site
from tests.journey.test_one_site import press, sign_in, status_is

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(furnished(tmp_path_factory.mktemp("ondol") / "home")).start()
    yield site
    site.stop()


def spellings(key: Path) -> Iterator[bytes]:
    """Yield what would be found of a private key, however somebody had kept it: pieces of the file, and the seed."""
    text = key.read_bytes()
    seed = load_ssh_private_key(text, None).private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    yield from (seed, seed.hex().encode(), base64.b64encode(seed)[:40], base64.urlsafe_b64encode(seed)[:40])
    yield from text.splitlines()[3:-1]  # behind the public half, which the format repeats at its beginning
    yield seed[:16]


def found(home: Path, canaries: list[bytes]) -> list[str]:
    """Return the files that have one of them: database, its log, jobs, e-mails, and all that AWS was asked."""
    files = [file for file in home.rglob("*") if file.is_file()]
    assert len(files) > 500, "the database's own files are among them"
    return [str(file) for file in files if any(canary in file.read_bytes() for canary in canaries)]


def test_minji_logs_in_with_the_key_that_she_has_had_for_years(site, tmp_path):
    minji: Person = site.person("minji")
    key = tmp_path / "id_ed25519"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "minji@연구실", "-f", key], check=True, timeout=30
    )
    line = key.with_suffix(".pub").read_text()
    refused = minji.call("POST", "/instances", json={"public_key": key.read_text()})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "public_key_private")
    assert minji.machine() is None

    assert minji.call("POST", "/instances", json={"public_key": line}).status_code == 202
    machine = minji.wait_for("RUNNING")
    assert machine["ssh_command"].startswith("ssh -i ~/.ssh/id_ed25519 ")
    said = subprocess.run(
        ["ssh-keygen", "-l", "-f", key], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert machine["key"] == {"origin": "own", "fingerprint": said.split()[1], "comment": "minji@연구실"}
    assert minji.ssh(key, "echo $USER").strip() == "ubuntu"
    refused = minji.call("POST", "/instances/ssh-key")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "key_not_kept")

    things = things_of(minji)
    assert count(things) == ONE_OF_EACH
    [pair] = things["key pair"]
    assert (pair["KeyType"], "SHA256:" + pair["KeyFingerprint"].rstrip("=")) == ("ed25519", said.split()[1])
    assert site.ask("SELECT origin, length(sealed_private_key) FROM instances_sshkey") == [("own", 0)]
    canaries = list(spellings(key))
    assert found(site.home, canaries) == []
    assert found(site.home, [line.split()[1].encode()]), "the search finds what is there"


def test_a_key_that_the_browser_has_made_logs_in_and_was_never_sent(site, tmp_path):
    email, password = Path(site.home, "admin.txt").read_text().split()
    sent: list[bytes] = []
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_context(locale="ko-KR", accept_downloads=True).new_page()
        page.on("request", lambda request: sent.append(f"{request.url} {request.post_data}".encode()))
        sign_in(page, site, email, password)
        page.goto(f"{site.url}/machine/next-key/")
        press(page, "Make a key")
        with page.expect_download() as download:
            page.locator("#born-file").click()
        key = tmp_path / download.value.suggested_filename
        download.value.save_as(key)
        key.chmod(0o600)
        press(page, "I have the file: use this key")
        press(page, "Create my machine")
        status_is(page, "Running")
        commands = page.locator("#code-unix").text_content() or ""
        expect(page.locator("form[action='/machine/key/']")).to_have_count(0)
        browser.close()
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", key], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert derived.split()[2] == key.stem
    assert f"~/.ssh/{key.name}" in commands
    entry = tmp_path / "entry"
    entry.write_text(
        re.search(r"^Host ondol\n(  .*\n)+", commands, re.MULTILINE)[0].replace(f"~/.ssh/{key.name}", str(key))
    )
    words = ["ssh", "-F", str(entry), "-o", f"UserKnownHostsFile={tmp_path / 'known'}", "-o", "BatchMode=yes", "ondol"]
    said = subprocess.run([*words, "echo $USER"], capture_output=True, text=True, timeout=30, check=False)
    assert said.stdout == "ubuntu\n", said.stderr
    assert re.match(r"ondol-[a-z0-9-]+-[0-9a-f]{8}\.pem$", key.name)

    canaries = list(spellings(key))
    assert found(site.home, canaries) == []
    assert not [each for each in sent for canary in canaries if canary in each]
    public = derived.split()[1].encode()
    assert any(public in each.replace(b"%2B", b"+").replace(b"%2F", b"/") for each in sent)
