"""Whoever loses their account by a change of address hears of it at the old one, and takes it back."""

import re

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.core import mail as outbox
from django.core import signing
from django.db import connection
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts import letters, old_address, tasks
from ondol.accounts.models import ApiToken, User
from ondol.accounts.tokens import create_token
from tests.web.conftest import person

NEW = "mallory@elsewhere.example"


def worked_off():
    """Do the jobs about old addresses; return the e-mails, oldest first."""
    outbox.outbox.clear()
    for job in ProcrastinateJob.objects.filter(task_name=old_address.TASK).order_by("id"):
        assert set(job.args) == {"user_id", "old", "proof", "request_id"}, "the link is in no job"
        tasks.tell_old_address(**{name: job.args[name] for name in ("user_id", "old", "proof")})
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    return list(outbox.outbox)


def changed(bob, browser_of, is_confirmed=True):
    """Change the address of bob, as whoever has his session can; return that browser and the e-mails."""
    bob.set_password("the floor is warm")
    bob.save()
    browser = browser_of(bob)
    browser.post(reverse("account_email"), {"email": NEW, "action_add": ""})
    if is_confirmed:
        key = EmailConfirmationHMAC.create(EmailAddress.objects.get(email=NEW)).key
        browser.post(reverse("account_confirm_email", args=[key]))
    return browser, worked_off()


def link_in(letter):
    return re.search(r"/old-address/\S+", letter.body)[0]


def test_the_old_address_is_told_before_and_after(bob, browser_of):
    _browser, (before, after) = changed(bob, browser_of)
    assert before.to == after.to == ["bob@example.org"]
    assert after.subject == "[Ondol] Your e-mail address has been changed"
    assert NEW in after.body


def test_before_it_is_confirmed_the_letter_says_so(bob, browser_of):
    _browser, (letter,) = changed(bob, browser_of, is_confirmed=False)
    assert letter.subject == "[Ondol] Your e-mail address is about to be changed"
    assert f"will have the address {NEW} once" in letter.body


def test_a_korean_owner_reads_korean(bob, browser_of):
    browser_of(bob).post(reverse("account_email"), {"email": NEW, "action_add": ""})
    User.objects.update(language="ko")
    worked_off()
    assert outbox.outbox[-1].subject == "[Ondol] 이메일 주소 변경 요청이 있습니다"


def test_a_job_that_mallory_has_written_makes_no_link(bob, alice, browser_of):
    """She can write rows, and has a proof that the address of bob was changed; nothing is signed for her address."""
    browser_of(bob).post(reverse("account_email"), {"email": NEW, "action_add": ""})
    proof = ProcrastinateJob.objects.get(task_name=old_address.TASK).args["proof"]
    assert Client().get(f"/old-address/{proof}/").status_code == 404
    outbox.outbox.clear()
    for user, old in ((bob, NEW), (alice, "bob@example.org"), (bob, "alice@example.org")):
        for shown in (proof, "", "x", signing.dumps([user.pk, old], key="x" * 50)):
            tasks.tell_old_address(user_id=user.pk, old=old, proof=shown)
    tasks.tell_old_address(user_id=bob.pk, old=NEW)
    assert not outbox.outbox


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_bob_takes_it_back_and_shuts_mallory_out(bob, browser_of, is_confirmed):
    mallory, sent = changed(bob, browser_of, is_confirmed)
    create_token(User.objects.get(pk=bob.pk), "hers")
    owner = Client()
    page = owner.get(link_in(sent[-1]))
    assert NEW in page.text
    assert "no-store" in page.headers["Cache-Control"]
    assert ApiToken.objects.exists(), "a scanner of e-mails opens links, too"
    assert owner.post(link_in(sent[-1])).status_code == 200
    bob.refresh_from_db()
    assert (bob.email, bob.has_usable_password()) == ("bob@example.org", False)
    assert [(one.email, one.verified) for one in EmailAddress.objects.all()] == [("bob@example.org", True)]
    assert not ApiToken.objects.exists()
    assert mallory.get("/").url.startswith("/accounts/login/")
    (reset,) = ProcrastinateJob.objects.filter(task_name=letters.TASK)
    assert (reset.args["template"], reset.args["to"]) == (letters.RESET, "bob@example.org")
    for link in map(link_in, sent):
        assert owner.post(link).status_code == 404, "it works once"


def test_a_link_of_ours_alone_takes_anything_back(bob, alice, browser_of):
    _browser, sent = changed(bob, browser_of)
    link = link_in(sent[-1])
    forged = [
        signing.dumps([bob.pk, "bob@example.org"], salt="ondol.other"),
        signing.dumps([bob.pk, "bob@example.org"], key="x" * 50, salt="ondol.old-address"),
        link.split("/")[2][:-1],
        link.split("/")[2].upper(),
        "x",
        "a:b:c",
        "%00",
        "é",
        str(bob.pk),
    ]
    for token in forged:
        for method in ("get", "post"):
            assert getattr(Client(), method)(f"/old-address/{token}/").status_code == 404, token
    assert User.objects.get(pk=bob.pk).email == NEW


def test_it_works_for_seven_days(bob, browser_of, monkeypatch):
    _browser, sent = changed(bob, browser_of)
    for days, status in ((6.9, 200), (7.1, 404)):
        at = signing.time.time() + days * 86400
        with monkeypatch.context() as later:
            later.setattr(signing.time, "time", lambda at=at: at)
            assert Client().get(link_in(sent[-1])).status_code == status


def test_an_address_that_somebody_else_has_now_stays_theirs(bob, browser_of):
    _browser, sent = changed(bob, browser_of)
    person("BOB@example.org")
    assert "Talk to an administrator" in Client().post(link_in(sent[-1])).text
    assert User.objects.get(pk=bob.pk).email == NEW


def test_a_change_that_was_given_up_is_not_told(bob, browser_of):
    browser = browser_of(bob)
    browser.post(reverse("account_email"), {"email": NEW, "action_add": ""})
    browser.post(reverse("account_email"), {"email": NEW, "action_remove": ""})
    assert worked_off() == []
