"""The page on which people choose a key: nothing but a public half comes in, and nothing promises more."""

import re
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.contrib.sessions.models import Session
from django.urls import reverse
from playwright.sync_api import expect

from ondol.accounts.sessions import SessionStore
from ondol.instances import own_keys
from ondol.instances.models import ChosenKey, Instance, KeyOrigin, SshKey
from ondol.instances.states import Status
from ondol.keys import public_key
from ondol.web.machine.connect import connect_to
from tests.instances.keys import PEM
from tests.web.browser import page_of, sign_in
from tests.web.conftest import machine, person

HERS = Ed25519PrivateKey.generate()
HER_LINE = HERS.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
PAGE = "/machine/next-key/"


def with_key(row, origin=KeyOrigin.OWN):
    stem = own_keys.stem_of(row.owner, HER_LINE) if origin == KeyOrigin.BROWSER else ""
    return SshKey.objects.create(
        instance=row, origin=origin, public_key=HER_LINE, comment="bob@lab", key_pair_name="k", file_stem=stem
    )


def test_bob_gives_his_public_key_and_sees_it_where_he_makes_a_machine(bob, browser_of):
    browser = browser_of(bob)
    assert "made for you" in browser.get("/").text
    answer = browser.post(PAGE, {"origin": "own", "public_key": f"{HER_LINE} bob@lab\r\n"}, follow=True)
    assert answer.redirect_chain == [("/", 302)]
    for page in (answer.text, browser.get(PAGE).text):
        assert public_key.parse(HER_LINE).fingerprint in page
        assert "bob@lab" in page
    browser.post(reverse("machine_create"))
    Instance.objects.update(status=Status.FAILED)
    assert public_key.parse(HER_LINE).fingerprint in browser.get("/").text, "for a new attempt, too"
    browser.post(PAGE, {"origin": "aws"})
    assert not ChosenKey.objects.exists()
    assert "made for you" in browser.get("/").text


def test_what_is_pasted_by_mistake_is_not_repeated_and_not_kept(bob, browser_of):
    openssh = HERS.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    for language, said in (("en", "This is a private key. It was not kept."), ("ko", "저장되지 않았습니다")):
        browser = browser_of(bob, language)
        for secret in (PEM, openssh):
            canary = secret.splitlines()[2]
            answer = browser.post(PAGE, {"origin": "own", "public_key": secret})
            assert said in answer.text
            assert canary not in answer.text
        sign_in(browser, bob, minutes_ago=60)
        assert browser.post(PAGE, {"origin": "own", "public_key": secret}).status_code == 302
        kept = [SessionStore(row.session_key).decode(row.session_data) for row in Session.objects.all()]
        assert all(kept)
        assert canary not in str(kept)
    assert not ChosenKey.objects.exists()


def test_a_wrong_text_is_told_beside_the_field(bob, browser_of):
    browser = browser_of(bob)
    for words in (
        "", "ssh-rsa", "\0", "x" * 100_000, "<script>alert(1)</script>",
        f'command="x" {HER_LINE}', f"{HER_LINE}\n{HER_LINE}", "ssh-dss AAAA",
    ):  # fmt: skip
        answer = browser.post(PAGE, {"origin": "own", "public_key": words})
        assert answer.status_code == 200, words[:40]
        assert 'class="errorlist"' in answer.text, words[:40]
    assert "<script>alert" not in answer.text
    assert not ChosenKey.objects.exists()


def test_the_page_itself_asks_for_a_recent_sign_in_so_that_no_key_is_made_in_vain(bob, browser_of):
    browser = browser_of(bob)
    bob.set_password("the floor is warm")
    bob.save()
    sign_in(browser, bob, minutes_ago=11)
    assert browser.get(PAGE).url.startswith("/accounts/reauthenticate/?next=%2Fmachine%2Fnext-key%2F")


def test_no_page_offers_a_download_of_what_is_not_here(bob, browser_of):
    row = machine(bob, key=False)
    key = with_key(row)
    for origin in (KeyOrigin.OWN, KeyOrigin.BROWSER):
        SshKey.objects.filter(pk=key.pk).update(origin=origin)
        for path in ("/", "/machine/"):
            page = browser_of(bob).get(path).text
            assert reverse("machine_key") not in page
            assert public_key.parse(HER_LINE).fingerprint in page
        answer = browser_of(bob).post(reverse("machine_key"), follow=True)
        assert "its private key was never here" in answer.text


def test_the_commands_name_the_file_that_bob_has(bob):
    row = machine(bob, key=False)
    key = with_key(row)
    own = connect_to(Instance.objects.get())
    assert own.ssh == "ssh -i ~/.ssh/id_ed25519 -o IdentitiesOnly=yes -p 22 ubuntu@203.0.113.24"
    assert "'  IdentityFile ~/.ssh/id_ed25519'" in own.windows
    assert "Move-Item" not in own.windows
    assert "IdentityFile ~/.ssh/id_ed25519\n" in own.config_entry
    key.delete()
    with_key(row, KeyOrigin.BROWSER)
    born = connect_to(Instance.objects.get())
    name = f"{own_keys.stem_of(bob, HER_LINE)}.pem"
    assert f"\nchmod 600 {name}\n" in born.unix, "it comes from the folder of downloads, as a key of AWS does"
    assert name in born.windows


# --- in a browser ----------------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_key_is_born_in_the_browser_and_only_its_public_half_leaves_it(site, browser, tmp_path):
    bob = person("bob@example.org")
    sent = []
    with page_of(browser, site, bob.email) as page:
        page.on("request", lambda request: sent.append(f"{request.url} {request.headers} {request.post_data}"))
        page.goto(PAGE)
        page.get_by_role("button", name="Make a key").click()
        use = page.get_by_role("button", name="I have the file: use this key")
        expect(use).to_be_disabled()
        fingerprint = page.locator("#born-fingerprint").text_content()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the key").click()
        file = tmp_path / download.value.suggested_filename
        file.write_text(Path(download.value.path()).read_text())
        file.chmod(0o600)
        use.click()
        page.wait_for_url(f"{site}/")
        expect(page.get_by_text(fingerprint)).to_be_visible()
    told = subprocess.run(["ssh-keygen", "-y", "-f", file], capture_output=True, text=True, timeout=30, check=True)
    chosen = ChosenKey.objects.get(owner=bob)
    assert told.stdout.split()[:2] == chosen.public_key.split()
    assert (chosen.origin, chosen.comment) == (KeyOrigin.BROWSER, file.stem)
    assert file.name == f"{own_keys.stem_of(bob, chosen.public_key)}.pem"
    assert public_key.parse(told.stdout).fingerprint == fingerprint
    secret = "".join(file.read_text().splitlines()[1:-1])
    assert any(chosen.public_key.split()[1] in re.sub("%2B", "+", each).replace("%2F", "/") for each in sent)
    for start in (217, 225, 233):  # within the seed; before and behind it stands the public half, as it was sent
        assert all(secret[start : start + 20] not in each for each in sent)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_where_a_browser_cannot_make_a_key_it_says_so_and_a_pasted_one_is_taken(site, browser):
    bob = person("bob@example.org")
    with page_of(browser, site, bob.email) as page:
        page.add_init_script(
            "crypto.subtle.generateKey = () => Promise.reject(new DOMException('', 'NotSupportedError'))"
        )
        page.goto(PAGE)
        expect(page.get_by_text("This browser cannot create a key here")).to_be_visible()
        expect(page.get_by_role("button", name="Make a key")).to_be_hidden()
        page.get_by_label("Your public key").fill(HER_LINE)
        page.get_by_role("button", name="Use this key").first.click()
        page.wait_for_url(f"{site}/")
    assert ChosenKey.objects.get(owner=bob).public_key == HER_LINE
