"""allauth's e-mails: sent by a job that makes the secret itself, in the language of their reader."""

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.core import mail as outbox
from django.utils import translation
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts import letters, tasks
from ondol.accounts.models import User
from tests.accounts.conftest import person

pytestmark = pytest.mark.django_db


def post(*words, language="en"):
    """Enqueue an e-mail while a page speaks `language`, and do the job; return its arguments and the e-mail."""
    with translation.override(language):
        letters.write_later(*words)
    job = ProcrastinateJob.objects.get(task_name=letters.TASK)
    tasks.letter(**job.args)
    return job.args, (outbox.outbox[0] if outbox.outbox else None)


def link_in(letter):
    return next(line for line in letter.body.split() if "/accounts/" in line)


def test_a_reset_is_written_in_the_persons_language_and_its_link_is_in_no_job():
    mina = person("mina", language="ko")
    told, letter = post(letters.RESET, "mina@example.org", mina.pk)
    assert told == {"template": letters.RESET, "to": "mina@example.org", "about": mina.pk, "language": "en"}
    assert letter.subject == "[Ondol] 비밀번호 재설정"
    assert link_in(letter).startswith("http://127.0.0.1:8000/accounts/password/reset/key/")
    assert "example.com" not in letter.body


def test_nobody_gets_a_link_for_an_account_that_is_closed_or_gone(alice):
    User.objects.update(is_active=False)
    assert post(letters.RESET, "alice@example.org", alice.pk)[1] is None
    letters.write(letters.RESET, "alice@example.org", 10**9, "en")
    assert not outbox.outbox


def test_a_job_that_mallory_has_written_sends_her_no_link_for_alices_account(alice):
    """Nor does an address that waits to be confirmed get one: it may be mistyped, and somebody else's."""
    EmailAddress.objects.create(user=alice, email="alicia@example.org")
    for address in ("mallory@example.org", "alicia@example.org"):
        letters.write(letters.RESET, address, alice.pk, "en")
    assert not outbox.outbox
    letters.write(letters.RESET, "ALICE@example.org", alice.pk, "en")
    assert outbox.outbox


@pytest.mark.parametrize("template", [letters.CONFIRM, letters.CONFIRM_AT_SIGN_UP])
def test_an_address_is_proven_by_a_link_that_is_in_no_job(alice, template):
    address = EmailAddress.objects.create(user=alice, email="new@example.org")
    told, letter = post(template, address.email, address.pk, language="ko")
    assert told["about"] == address.pk
    assert letter.subject == "[Ondol] Please Confirm Your Email Address"
    assert "account on 127.0.0.1:8000" in letter.body
    key = link_in(letter).removeprefix("http://127.0.0.1:8000/accounts/confirm-email/").rstrip("/")
    assert EmailConfirmationHMAC.from_key(key).email_address == address


@pytest.mark.parametrize("template", [letters.CONFIRM, letters.CONFIRM_AT_SIGN_UP])
def test_the_link_that_proves_an_address_goes_there_whatever_a_job_says(alice, template):
    address = EmailAddress.objects.create(user=alice, email="new@example.org")
    letters.write(template, "mallory@elsewhere.example", address.pk, "en")
    assert [letter.to for letter in outbox.outbox] == [["new@example.org"]]


def test_an_address_that_is_proven_already_needs_no_letter(alice):
    address = EmailAddress.objects.create(user=alice, email="new@example.org", verified=True)
    assert post(letters.CONFIRM, address.email, address.pk)[1] is None


@pytest.mark.parametrize(
    ("template", "link"),
    [("unknown_account", "/accounts/signup/"), ("account_already_exists", "/accounts/password/reset/")],
)
@pytest.mark.parametrize(("language", "said"), [("ko", "메일"), ("en", "You are receiving this email")])
def test_a_stranger_is_written_to_in_the_language_of_the_page(template, link, language, said):
    letter = post(f"account/email/{template}", "zoe@example.org", language=language)[1]
    assert said in letter.body
    assert link_in(letter) == f"http://127.0.0.1:8000{link}"


def test_a_known_reader_is_written_to_in_their_own(alice):
    letter = post("account/email/account_already_exists", "ALICE@example.org", language="ko")[1]
    assert letter.subject == "[Ondol] Account Already Exists"
