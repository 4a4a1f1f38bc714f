"""One `ondol up`, as people use it: over the API and OpenSSH, and in Korean in Chromium.

All of it happens while AWS judges each request by the policy that `ondol doctor --print-policy` prints.
"""

import json
import re
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.utils import translation
from playwright.sync_api import Page, expect, sync_playwright

from tests.chromium import launch
from tests.furnished import furnished
from tests.journey.aws import KINDS, NOTHING, ONE_OF_EACH, count, sealed_keys, tags_of, things_of, wanted_tags
from tests.journey.site import Site, free_port, ssh_options, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

OF_TESTS = ["ec2:DescribeNetworkInterfaces", "cloudwatch:ListTagsForResource"]
"""What `things_of` asks of AWS, and Ondol never does."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(furnished(tmp_path_factory.mktemp("ondol") / "집 home")).start()
    policy = json.loads(site.command("doctor", "--print-policy", "--language", "en"))
    policy["Statement"].append({"Effect": "Allow", "Action": OF_TESTS, "Resource": "*"})
    (site.home / "cloud/policy.json").write_text(json.dumps(policy))
    yield site
    site.stop()


@pytest.fixture(scope="module")
def admin(site):
    [ada] = site.people("ada", admin=True)
    return ada


@pytest.fixture(scope="module")
def people(site):
    names = ("alice", "bob", "carol", "dan", "erin", "frank")
    return dict(zip(names, site.people(*names), strict=True))


def test_alice_works_on_her_machine_and_keeps_her_files(people, tmp_path):
    alice = people["alice"]
    assert alice.machine() is None
    first = alice.create()
    key = alice.key(tmp_path)
    assert alice.ssh(key, "echo $USER; id -u; hostname").splitlines()[0] == "ubuntu"
    assert alice.ssh(key, "id -u").strip() != "0"
    assert alice.try_ssh(key, "true", user="root").returncode != 0
    alice.ssh(key, "echo kept > note.txt")

    assert alice.call("POST", "/instances/stop").status_code == 202
    stopped = alice.wait_for("STOPPED")
    assert (stopped["status_reason"], stopped["public_ip"]) == ("PERSON", None)
    assert alice.call("POST", "/instances/start").status_code == 202
    again = alice.wait_for("RUNNING")
    assert again["instance_id"] == first["instance_id"]
    assert again["public_ip"] != first["public_ip"]
    assert alice.ssh(key, "cat note.txt") == "kept\n"


def test_bob_copies_files_and_forwards_a_port(people, tmp_path):
    bob = people["bob"]
    machine = bob.create()
    key = bob.key(tmp_path)
    up, down = tmp_path / "up.bin", tmp_path / "down.bin"
    up.write_bytes(bytes(range(256)) * 4096)
    there = f"ubuntu@{machine['public_ip']}:copy.bin"
    options = ssh_options(key, machine, "-P")
    subprocess.run(["scp", "-q", *options, str(up), there], check=True, timeout=30)
    subprocess.run(["scp", "-q", *options, there, str(down)], check=True, timeout=30)
    assert down.read_bytes() == up.read_bytes()

    near = free_port()
    server = (
        "import socket; server = socket.create_server(('127.0.0.1', 8765))\n"
        "while True:\n    with server.accept()[0] as connection: connection.sendall(b'warm')"
    )
    tunnel = subprocess.Popen(
        ["ssh", *ssh_options(key, machine), "-L", f"{near}:127.0.0.1:8765",
         f"ubuntu@{machine['public_ip']}", f'exec python3 -c "{server}"']
    )  # fmt: skip
    try:
        assert until(lambda: _read(near), 10, "the forwarded port answers") == b"warm"
    finally:
        tunnel.terminate()
        tunnel.wait(10)


def _read(port: int) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return connection.recv(16)
    except OSError:
        return b""


def test_carol_cannot_enter_dans_machine(people, tmp_path):
    carol, dan = people["carol"], people["dan"]
    for who in (carol, dan):
        assert who.call("POST", "/instances").status_code == 202
    for who in (carol, dan):
        who.wait_for("RUNNING")
    refused = dan.try_ssh(carol.key(tmp_path), "true")
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr


def test_the_administrator_ends_erins_machine_and_nothing_is_left(site, people, admin, tmp_path):
    erin = people["erin"]
    first = erin.create()
    old_key = erin.key(tmp_path).read_text()
    things = things_of(erin)
    assert count(things) == ONE_OF_EACH
    tags = {kind: tags_of(thing) for kind, [thing] in things.items()}
    assert tags == dict.fromkeys(KINDS, wanted_tags(erin, first["id"]))
    assert sealed_keys(erin) == [things["key pair"][0]["KeyName"]]

    users = admin.call("GET", "/admin/users").json()["users"]
    erins_id = next(user["id"] for user in users if user["email"] == erin.email)
    assert erin.call("DELETE", f"/admin/users/{erins_id}/instance").status_code == 403
    assert count(things_of(erin)) == ONE_OF_EACH
    assert admin.call("DELETE", f"/admin/users/{erins_id}/instance").status_code == 202
    until(lambda: erin.machine() is None, 60, "erin's machine is gone")
    assert things_of(erin) == NOTHING
    [ended] = site.aws("ec2").describe_instances(InstanceIds=[first["instance_id"]])["Reservations"]
    assert ended["Instances"][0]["State"]["Name"] == "terminated"
    assert sealed_keys(erin) == []
    assert erin.call("POST", "/instances/ssh-key").status_code == 404

    second = erin.create()
    assert second["instance_id"] != first["instance_id"]
    assert erin.key(tmp_path).read_text() != old_key
    assert count(things_of(erin)) == ONE_OF_EACH


def test_twenty_clicks_make_one_machine(people):
    frank = people["frank"]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: frank.call("POST", "/instances").status_code, range(20)))
    assert set(answers) <= {202, 409}
    assert 202 in answers
    machine = frank.wait_for("RUNNING")
    things = things_of(frank)
    assert count(things) == ONE_OF_EACH
    assert things["instance"][0]["InstanceId"] == machine["instance_id"]
    assert sealed_keys(frank) == [things["key pair"][0]["KeyName"]] == [things["instance"][0]["KeyName"]]


# --- Minji's browser -------------------------------------------------------------------------------------------------
PASSWORD = "따뜻한 온돌방 2026"


def ko(text: str) -> str:
    """Return a text as the pages show it in Korean."""
    with translation.override("ko"):
        return str(translation.gettext(text))


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium):
    """Return a function that opens one person's browser, in Korean; nothing may go wrong in its console."""
    contexts, troubles = [], []

    def make() -> Page:
        context = chromium.new_context(locale="ko-KR", timezone_id="Asia/Seoul", accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: message.type == "error" and troubles.append(message.text))
        return page

    yield make
    for context in contexts:
        context.close()
    assert troubles == []


def press(page: Page, text: str) -> None:
    page.get_by_role("button", name=ko(text), exact=True).first.click()


def sign_in(page: Page, site: Site, email: str, password: str) -> None:
    page.goto(f"{site.url}/accounts/login/")
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill(password)
    press(page, "Sign in")


def status_is(page: Page, text: str, seconds: float = 60) -> None:
    """Wait until the badge shows it, without a reload."""
    expect(page.locator("#machine .badge")).to_contain_text(ko(text), timeout=seconds * 1000)


def test_minji_signs_up_is_approved_and_works_on_her_machine(site, new_page, tmp_path):
    minji, admin = new_page(), new_page()
    minji.goto(site.url)
    minji.goto(f"{site.url}/accounts/signup/")
    expect(minji.locator("html")).to_have_attribute("lang", "ko")
    for name, value in {
        "name": "김민지", "email": "minji@example.org", "password1": PASSWORD,
        "affiliation": "한국건설기술연구원", "purpose": "SAR 영상 처리",
    }.items():  # fmt: skip
        minji.locator(f"[name={name}]").fill(value)
    press(minji, "Send the request")
    expect(minji.get_by_role("heading", level=1)).to_be_visible()
    assert minji.locator("#machine").count() == 0

    until(lambda: site.letters(about="김민지"), 60, "the administrators get an e-mail about her")
    sign_in(admin, site, *Path(site.home, "admin.txt").read_text().split())
    admin.goto(f"{site.url}/admin/people/")
    approve = admin.get_by_role("button", name=re.compile(f"{ko('Approve')}.*김민지"))
    approve.click()
    expect(approve).to_have_count(0)  # her address was there before
    expect(admin.get_by_text("minji@example.org").first).to_be_visible()

    minji.goto(site.url)
    press(minji, "Create my machine")
    status_is(minji, "Creating", 10)
    status_is(minji, "Running")
    with minji.expect_download() as download:
        press(minji, "Download the key")
    key = tmp_path / download.value.suggested_filename
    assert re.fullmatch(r"ondol-minji-[0-9a-f]{8}\.pem", key.name)
    download.value.save_as(key)
    key.chmod(0o600)
    assert key.read_bytes().startswith(b"-----BEGIN")
    assert b"\r" not in key.read_bytes()

    address = minji.locator("#address").inner_text()
    shown = minji.locator("#code-unix").text_content() or ""
    assert f"HostName {address}" in shown
    port = re.search(r"Port (\d+)", shown)[1]
    ssh = ["ssh", "-F", "none", "-i", str(key), "-p", port, "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
           "-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={tmp_path / 'known'}"]  # fmt: skip
    told = subprocess.run(
        [*ssh, f"ubuntu@{address}", "echo $USER; echo 안녕 > 인사.txt"], capture_output=True, text=True, timeout=20
    )
    assert told.stdout == "ubuntu\n", told.stderr

    press(minji, "Stop")
    status_is(minji, "Stopped", 60)
    press(minji, "Start")
    status_is(minji, "Running", 60)
    again = minji.locator("#address").inner_text()
    assert again != address
    kept = subprocess.run([*ssh, f"ubuntu@{again}", "cat 인사.txt"], capture_output=True, text=True, timeout=20)
    assert kept.stdout == "안녕\n", kept.stderr

    admin.goto(f"{site.url}/admin/people/?q=minji")
    admin.get_by_role("link", name=re.compile("김민지")).first.click()
    admin.get_by_role("link", name=ko("Delete…")).click()
    admin.locator("main input:not([type=hidden])").fill("minji@example.org")
    press(admin, "Delete everything")
    minji.goto(site.url)
    expect(minji.get_by_role("button", name=ko("Create my machine"))).to_be_visible(timeout=60_000)


# --- and in the end --------------------------------------------------------------------------------------------------
def test_doctor_is_content(site):
    assert "FAILED" not in site.command("doctor", "--language", "en")


def test_the_policy_refused_nothing(site):
    logs = "".join(file.read_text() for file in (site.home / "logs").glob("*.log"))
    assert "requests are judged by" in logs
    # Each call has its line with its code; one for a thing that is gone is denied too, because it has no tags.
    told = [line for line in logs.splitlines() if " ondol.aws: " not in line]
    assert not [line for line in told for word in ("UnauthorizedOperation", "AccessDenied", "Refused") if word in line]


def test_secrets_do_not_reach_the_log(site):
    text = "".join(path.read_text() for path in Path(site.home).rglob("*.log"))
    assert "PRIVATE KEY" not in text
