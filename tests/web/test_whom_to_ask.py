"""Whoever is told to ask an administrator learns whom, on pages, in e-mails and from the API."""

import pytest
from django.utils import translation

from ondol.accounts.mail import send
from ondol.accounts.models import Approval
from ondol.accounts.tokens import create_token
from ondol.config import config
from ondol.contact import read_contact
from ondol.doctor import local_checks
from ondol.instances.messages.texts import ASK
from ondol.whom_to_ask import ask, contact_line
from tests.web.conftest import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def jiwon(monkeypatch):
    """Set Jiwon as the contact."""
    monkeypatch.setattr(config(), "contact", "Kim Jiwon <jiwon@example.org>")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Jiwon <a+b%c@example.org>", "a+b%c@example.org"),
        ("help@example.org", "help@example.org"),
        ("https://example.org/help?x=%41", "https://example.org/help?x=%41"),
    ],
)
def test_an_address_is_told_as_people_write_it(text, address):
    assert read_contact(text).address == address


def test_a_sentence_ends_with_whom_to_ask_in_the_readers_language(jiwon):
    with translation.override("en"):
        assert str(ASK).endswith("the reference number. Administrator: Kim Jiwon, jiwon@example.org")
    with translation.override("ko"):
        assert str(ASK).endswith("알려 주십시오. 관리자: Kim Jiwon, jiwon@example.org")


def test_an_address_without_a_name_is_told_once(monkeypatch):
    monkeypatch.setattr(config(), "contact", "help@example.org")
    with translation.override("en"):
        assert contact_line() == "Administrator: help@example.org"


def test_nothing_is_added_where_nobody_is_named(monkeypatch):
    monkeypatch.setattr(config(), "contact", "")
    assert ask("Talk to an administrator.") == "Talk to an administrator."
    assert contact_line() == ""


def test_an_e_mail_ends_with_whom_to_ask(jiwon, mailoutbox):
    dan = person("dan@example.org", Approval.REJECTED, language="en", decision_reason="Unknown.")
    send("decision", dan, dan)
    assert mailoutbox[0].body.endswith("they can still approve you.\n\nAdministrator: Kim Jiwon, jiwon@example.org\n")


def test_a_hint_of_the_api_names_them(jiwon, client, monkeypatch):
    monkeypatch.setattr(config(), "worker_ssh_cidr", "")
    token = create_token(person("bob@example.org", language="en"), "script")
    told = client.post(
        "/api/instances/ssh-key/replacement",
        data="{}",
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert told.json()["error"]["hint"].endswith("Administrator: Kim Jiwon, jiwon@example.org")


@pytest.mark.parametrize("approval", [Approval.REJECTED, Approval.SUSPENDED])
def test_dan_reads_beside_the_sentence_whom_to_ask(jiwon, browser_of, approval):
    page = browser_of(person("dan@example.org", approval)).get("/").text
    main = page[page.index("<main") : page.index("</main>")]
    assert '<a href="mailto:jiwon@example.org">Kim Jiwon</a>' in main


def test_the_check_up_asks_for_a_contact_with_amazon_and_shows_the_one_that_is_set(monkeypatch):
    monkeypatch.setattr(config(), "contact", "")
    assert [found.code for found in local_checks.contact()] == ["trial"]
    monkeypatch.setattr(config(), "cloud", "aws")
    assert [(found.code, found.level) for found in local_checks.contact()] == [("unset", "warning")]
    monkeypatch.setattr(config(), "contact", "Kim Jiwon <jiwon@example.org>")
    assert [found.code for found in local_checks.contact()] == ["shown"]
