"""A stranger who types an address learns nothing about who has an account: the answers, and the work, are the same."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts import letters, proof, tasks
from ondol.accounts.models import Approval, User
from tests.queued import own_arguments
from tests.web.browser import sign_in
from tests.web.conftest import person

pytestmark = pytest.mark.usefixtures("db", "proving")
PASSWORD = "a warm floor in winter"
LIKE = 4
"""The statements by which two answers may differ: such as one row of an address more that is read."""


ALWAYS_ANOTHER = re.compile(r'value="\w{64}"|<code>\w{16}</code>|<time .*?</time>')
"""Tokens of forms, numbers of requests, and times."""


class Counting(MD5PasswordHasher):
    """Counts what costs most: hashed passwords."""

    count = 0

    def encode(self, password, salt):
        Counting.count += 1
        return super().encode(password, salt)


@pytest.fixture(autouse=True)
def _counted(settings):
    settings.PASSWORD_HASHERS = [f"{__name__}.Counting"]


def with_account(email, approval, is_proven):
    user = person(email, approval)
    user.set_password("another warm floor")
    user.save()
    if is_proven:
        proof.mark(user)
    return user


KNOWN = {
    "approved": (Approval.APPROVED, True),
    "waiting": (Approval.PENDING, True),
    "not proven": (Approval.PENDING, False),
    "rejected": (Approval.REJECTED, True),
    "suspended": (Approval.SUSPENDED, True),
}


def asked_to_sign_up(browser, email):
    typed = {"name": "Zoe", "email": email, "password1": PASSWORD, "affiliation": "KIGAM", "purpose": "InSAR"}
    return [browser.post("/accounts/signup/", typed)]


def signed_up_and_looked(browser, email):
    return [*asked_to_sign_up(browser, email), browser.get("/accounts/confirm-email/"), browser.get("/")]


def signed_up_and_in(browser, email):
    typed = {"login": email, "password": PASSWORD}
    return [*asked_to_sign_up(browser, email), *(browser.post("/accounts/login/", typed) for _ in range(7))]


def signed_in_wrongly(browser, email):
    return [browser.post("/accounts/login/", {"login": email, "password": "a guess"}) for _ in range(6)]


def forgot(browser, email):
    sent = browser.post("/accounts/password/reset/", {"email": email})
    return [sent, browser.get(sent.headers["Location"])]


def forgot_often(browser, email):
    return [browser.post("/accounts/password/reset/", {"email": email}) for _ in range(8)]


def changed(browser, email):
    sign_in(browser, User.objects.get(email="mallory@example.org"))
    return [browser.post("/accounts/email/", {"email": email, "action_add": ""}), browser.get("/accounts/email/")]


def changed_and_sent_again(browser, email):
    answers = changed(browser, email)
    cache.clear()  # three minutes later
    again = browser.post("/accounts/email/", {"email": email, "action_send": ""})
    return [*answers, again, browser.get("/accounts/email/")]


def changed_and_cancelled(browser, email):
    answers = changed(browser, email)
    cancel = browser.post("/accounts/email/", {"email": email, "action_remove": ""})
    return [*answers, cancel, browser.get("/accounts/email/")]


FORMS = [
    asked_to_sign_up, signed_up_and_looked, signed_up_and_in, signed_in_wrongly, forgot, forgot_often, changed,
    changed_and_sent_again, changed_and_cancelled,
]  # fmt: skip


def seen(form, email):
    """Return what a stranger sees of the answers, and what was done meanwhile."""
    cache.clear()
    browser, before = Client(), Counting.count
    with CaptureQueriesContext(connection) as queries:
        answers = form(browser, email)
    return [what_shows(answer, email) for answer in answers], Counting.count - before, len(queries)


def what_shows(answer, email):
    body = ALWAYS_ANOTHER.sub("", answer.text.replace(email, "ADDRESS"))
    headers = {
        name: value
        for name, value in answer.headers.items()
        if name not in {"X-Request-ID", "Content-Length", "Expires"}
    }
    cookies = {name: (cookie["max-age"], cookie["httponly"]) for name, cookie in answer.cookies.items()}
    return answer.status_code, body, headers, cookies


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_who_has_an_account_does_not_show(form, proving):
    person("mallory@example.org")
    proof.mark(User.objects.get())
    seen(form, "nobody0@example.org")  # what is looked up once in a process
    shown, hashed, statements = seen(form, "nobody@example.org")
    for number, (name, facts) in enumerate(KNOWN.items()):
        address = f"known{number}@example.org"
        with_account(address, *facts)
        now_shown, now_hashed, now_statements = seen(form, address)
        assert now_shown == shown, name
        assert now_hashed == hashed, name
        assert abs(now_statements - statements) <= LIKE * len(shown), (name, now_statements, statements)


def run_letters():
    for job in ProcrastinateJob.objects.filter(task_name=letters.TASK, status="todo"):
        tasks.letter(**own_arguments(job))


def path_in(mailoutbox, part):
    """Return the path of the link in the last letter."""
    link = next(line for line in mailoutbox[-1].body.split() if part in line)
    return link.removeprefix("http://127.0.0.1:8000")


def test_the_letter_tells_it_to_the_owner_of_the_address_alone(mailoutbox):
    with_account("bob@example.org", Approval.APPROVED, True)
    asked_to_sign_up(Client(), "bob@example.org")
    User.objects.update(language="en")
    run_letters()
    assert [(mail.to, mail.subject) for mail in mailoutbox] == [(["bob@example.org"], "[Ondol] Account Already Exists")]
    assert User.objects.count() == 1
    assert not EmailAddress.objects.filter(email__endswith=".invalid").exists()


def test_mallory_who_wants_bobs_address_gets_no_link_and_bob_a_warning(mailoutbox):
    person("mallory@example.org")
    with_account("bob@example.org", Approval.APPROVED, True)
    User.objects.update(language="en")
    changed(Client(), "bob@example.org")
    run_letters()
    [letter] = [mail for mail in mailoutbox if mail.to == ["bob@example.org"]]
    assert "Somebody tried to use your e-mail address" in letter.subject
    assert "confirm-email" not in letter.body


def test_who_only_wishes_to_have_an_address_keeps_nobody_from_it(mailoutbox):
    person("mallory@example.org")
    changed(Client(), "zoe@example.org")
    asked_to_sign_up(Client(), "zoe@example.org")
    assert User.objects.filter(email="zoe@example.org").exists()
    ProcrastinateJob.objects.all().delete()
    forgot(Client(), "zoe@example.org")
    assert ProcrastinateJob.objects.filter(task_name=letters.TASK).count() == 1


def test_zoe_signs_in_once_her_letter_has_come(mailoutbox):
    browser = Client()
    asked_to_sign_up(browser, "zoe@example.org")
    assert browser.post("/accounts/login/", {"login": "zoe@example.org", "password": PASSWORD}).status_code == 200
    run_letters()
    assert browser.post(path_in(mailoutbox, "/confirm-email/")).status_code == 302
    assert browser.post("/accounts/login/", {"login": "zoe@example.org", "password": PASSWORD}).status_code == 302


def test_whose_letter_is_lost_proves_the_address_with_a_new_password(mailoutbox):
    with_account("zoe@example.org", Approval.PENDING, False)
    browser = Client()
    forgot(browser, "zoe@example.org")
    run_letters()
    form = browser.get(path_in(mailoutbox, "/password/reset/key/"), follow=True)
    browser.post(form.redirect_chain[-1][0], {"password1": PASSWORD, "password2": PASSWORD})
    assert browser.post("/accounts/login/", {"login": "zoe@example.org", "password": PASSWORD}).status_code == 302
    assert proof.is_proven(User.objects.get())
