"""Whoever loses their account by a change of address gets an e-mail at the old one, and can take it back."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.core import mail as outbox
from django.core import signing
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts import admission, letters, old_address, people, proof, tasks
from ondol.accounts.models import AddressChange, ApiToken, Approval, User
from ondol.accounts.tokens import create_token
from ondol.audit.models import Entry
from ondol.audit.record import Action
from ondol.config import config
from tests.web.conftest import person

NEW = "mallory@elsewhere.example"


def worked_off():
    """Do the jobs about old addresses; return the e-mails, oldest first."""
    outbox.outbox.clear()
    for job in ProcrastinateJob.objects.filter(task_name=old_address.TASK).order_by("id"):
        assert set(job.args) == {"change", "proof", "request_id"}, "the link is in no job"
        tasks.tell_old_address(change=job.args["change"], proof=job.args["proof"])
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    return list(outbox.outbox)


def moved(browser, to):
    """Change the address in this browser and confirm it; return the e-mails to the one before."""
    browser.post(reverse("account_email"), {"email": to, "action_add": ""})
    key = EmailConfirmationHMAC.create(EmailAddress.objects.get(email=to)).key
    browser.post(reverse("account_confirm_email", args=[key]))
    return worked_off()


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
    assert outbox.outbox[-1].subject == "[Ondol] 메일 주소 변경 요청이 있습니다"


def test_a_job_that_mallory_has_written_makes_no_link(bob, alice, browser_of):
    """She can write rows, and has a proof that the address of bob was changed; nothing is signed for her address."""
    browser_of(bob).post(reverse("account_email"), {"email": NEW, "action_add": ""})
    job = ProcrastinateJob.objects.get(task_name=old_address.TASK)
    assert Client().get(f"/old-address/{job.args['proof']}/").status_code == 404
    outbox.outbox.clear()
    hers = [AddressChange.objects.create(user=user, old=NEW, new="x@example.org").pk for user in (bob, alice)]
    for change in (*hers, 999):
        for shown in (job.args["proof"], "", "x", signing.dumps([change, bob.pk, NEW], key="x" * 50)):
            tasks.tell_old_address(change=change, proof=shown)
    AddressChange.objects.filter(pk=job.args["change"]).update(old=NEW)
    tasks.tell_old_address(change=job.args["change"], proof=job.args["proof"])
    tasks.tell_old_address(user_id=bob.pk, old=NEW)
    assert not outbox.outbox


def test_a_row_that_is_changed_after_the_letter_takes_nothing_back(bob, browser_of):
    _browser, sent = changed(bob, browser_of)
    AddressChange.objects.update(old="carol@elsewhere.example")
    assert Client().post(link_in(sent[-1])).status_code == 404


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
    link, row = link_in(sent[-1]), AddressChange.objects.get()
    forged = [
        signing.dumps([row.pk], salt="ondol.other"),
        signing.dumps([row.pk], key="x" * 50, salt="ondol.old-address"),
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


def test_however_often_mallory_changes_it_and_whoever_clicks_when_bob_has_the_last_word(bob, browser_of):
    """The second change sends a link to her own address."""
    for number, order in enumerate([("mallory", "bob", "mallory"), ("bob", "mallory", "mallory")]):
        cache.clear()  # and with it the limits of changes and e-mails
        mallory, theirs = changed(bob, browser_of)
        hers = moved(mallory, f"mallory{number}@other.example")
        assert {letter.to[0] for letter in hers} == {NEW}
        links = {"bob": list(map(link_in, theirs)), "mallory": list(map(link_in, hers))}
        for who in order:
            for link in links[who]:
                Client().post(link)
        assert User.objects.get(pk=bob.pk).email == "bob@example.org", order
        for link in links["bob"] + links["mallory"]:
            assert Client().get(link).status_code == 404, "each works once"
        bob.refresh_from_db()


def test_back_at_the_old_address_no_link_from_in_between_is_good(bob, browser_of):
    browser, first = changed(bob, browser_of)
    back = moved(browser, "bob@example.org")
    assert "/old-address/" not in back[-1].body
    for letter in first:
        assert Client().get(link_in(letter)).status_code == 404
    assert User.objects.get(pk=bob.pk).email == "bob@example.org"


def added(user, ago, uid):
    """Add a passkey and a provider's account so many days ago."""
    at = datetime.now(UTC) - timedelta(days=ago)
    passkey = Authenticator.objects.create(user=user, type="webauthn", data={"name": f"key {uid}"}, created_at=at)
    account = SocialAccount.objects.create(user=user, provider="oidc", uid=uid)
    SocialAccount.objects.filter(pk=account.pk).update(date_joined=at)
    return passkey


def test_new_ways_in_go_with_the_change_and_older_ones_are_named(bob, browser_of):
    """Mallory may have added hers some time before she changes the address."""
    added(bob, 30, "old")
    added(bob, 0.1, "hers")
    Authenticator.objects.create(user=bob, type="recovery_codes", data={}, created_at=datetime.now(UTC))
    _mallory, sent = changed(bob, browser_of)
    assert "Passkey key hers" in sent[-1].body
    assert "key old" not in sent[-1].body
    asked = Client().get(link_in(sent[-1])).text
    assert "key hers" in asked
    done = Client().post(link_in(sent[-1])).text
    assert "key hers" in done
    assert "key old" in done
    assert [one.data["name"] for one in Authenticator.objects.all()] == ["key old"]
    assert [one.uid for one in SocialAccount.objects.all()] == ["old"]
    assert set(Entry.objects.filter(on_id=bob.pk).values_list("action", flat=True)) > {
        Action.EMAIL_BACK, Action.FACTOR_REMOVE, Action.PROVIDER_REMOVE
    }  # fmt: skip


@pytest.mark.parametrize("proves", [True, False])
def test_nobody_else_gets_the_address_while_bob_may_take_it_back(bob, alice, browser_of, request, proves):
    if proves:
        request.getfixturevalue("proving")
    _mallory, sent = changed(bob, browser_of)
    sign_up = {
        "email": "bob@example.org", "password1": "five quiet otters 23", "name": "Bob", "affiliation": "K",
        "purpose": "x",
    }  # fmt: skip
    Client().post(reverse("account_signup"), sign_up)
    assert not User.objects.filter(email="bob@example.org").exists()
    browser = browser_of(alice)
    browser.post(reverse("account_email"), {"email": "bob@example.org", "action_add": ""})
    if wished := EmailAddress.objects.filter(email="bob@example.org", verified=False).first():
        browser.post(reverse("account_confirm_email", args=[EmailConfirmationHMAC.create(wished).key]))
    assert User.objects.get(pk=alice.pk).email == "alice@example.org"
    assert Client().post(link_in(sent[-1])).status_code == 200
    assert User.objects.get(pk=bob.pk).email == "bob@example.org"


@pytest.mark.parametrize("decide", [people.suspend, people.reject])
def test_whoever_is_shut_out_changes_no_address_by_no_link(bob, alice, browser_of, decide):
    _wished, sent = changed(bob, browser_of, is_confirmed=False)
    key = EmailConfirmationHMAC.create(EmailAddress.objects.get(email=NEW)).key
    if decide is people.reject:
        User.objects.filter(pk=bob.pk).update(approval=Approval.PENDING)
    decide(bob.pk, alice, "no")
    assert not EmailAddress.objects.filter(email=NEW).exists()
    assert Client().post(reverse("account_confirm_email", args=[key])).status_code in {200, 302, 404}
    assert Client().post(link_in(sent[-1])).status_code in {403, 404}
    assert User.objects.get(pk=bob.pk).email == "bob@example.org"


@pytest.mark.parametrize("again", ["bob@example.org", "bob+1@example.org", "BOB+x@example.org"])
def test_no_rule_approves_an_address_of_somebody_suspended(bob, alice, browser_of, monkeypatch, again):
    monkeypatch.setattr(config(), "approved_domains", ("example.org",))
    changed(bob, browser_of)
    people.suspend(bob.pk, alice)
    AddressChange.objects.update(void_at=datetime.now(UTC))
    late, carol = person(again.lower(), Approval.PENDING), person("carol2@example.org", Approval.PENDING)
    for somebody in (late, carol):
        proof.mark(somebody)
        admission.admit(somebody)
    late.refresh_from_db()
    carol.refresh_from_db()
    assert (late.approval, carol.approval) == (Approval.PENDING, Approval.APPROVED)
    AddressChange.objects.all().delete()  # and from before there were these rows
    admission.admit(late)
    late.refresh_from_db()
    assert late.approval == Approval.PENDING


def test_signing_out_everywhere_says_what_goes_on_and_the_account_lists_it(bob, browser_of):
    added(bob, 3, "hers")
    browser = browser_of(bob)
    told = browser.post(reverse("usersessions_list"), follow=True).text
    assert "Under “Account”, remove those you do not know." in told
    page = browser.get(reverse("account")).text
    assert "Passkey key hers" in page
    assert "Connected account oidc" in page
    assert "added on" in page
