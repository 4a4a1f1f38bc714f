"""The link to a new password is for one person and one password: what has changed since makes it worth nothing."""

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ondol.accounts.models import User
from tests.web.conftest import person

NEW = {"password1": "a new warm floor", "password2": "a new warm floor"}


def use(uid, token):
    """Open the link and send a new password, as a browser does."""
    browser = Client()
    page = browser.get(reverse("account_reset_password_from_key", args=[uid, token]), follow=True)
    browser.post(page.redirect_chain[-1][0] if page.redirect_chain else page.request["PATH_INFO"], NEW)


def test_it_sets_the_password_of_the_one_who_asked_once_and_of_nobody_else(bob):
    carol = person("carol@example.org")
    bob.set_password("an old warm floor")
    bob.save()
    uid, token = user_pk_to_url_str(bob), default_token_generator.make_token(bob)
    stamp, _, signature = token.partition("-")
    tries = [
        ("somebody else", int, user_pk_to_url_str(carol), token),
        ("a changed signature", int, uid, f"{stamp}-{signature[::-1]}"),
        ("a later time", int, uid, f"{stamp[:-1]}z-{signature}"),
        ("no token", int, uid, "x-y"),
        ("nobody", int, "zzzzzz", token),
        ("a new password since", lambda: set_password(bob), uid, token),
        ("another address since", lambda: move(bob), uid, token),
        ("signed in since", lambda: User.objects.filter(pk=bob.pk).update(last_login=timezone.now()), uid, token),
    ]
    for name, change, who, what in tries:
        with transaction.atomic():
            change()
            use(who, what)
            has = [one.check_password(NEW["password1"]) for one in User.objects.order_by("pk")]
            assert (name, any(has)) == (name, False)
            transaction.set_rollback(True)
    use(uid, token)
    assert User.objects.get(pk=bob.pk).check_password(NEW["password1"])
    assert not User.objects.get(pk=carol.pk).check_password(NEW["password1"])
    set_password(bob)
    use(uid, token)
    assert not User.objects.get(pk=bob.pk).check_password(NEW["password1"])


def set_password(bob):
    person = User.objects.get(pk=bob.pk)
    person.set_password("another warm floor")
    person.save()


def move(bob):
    User.objects.filter(pk=bob.pk).update(email="bob@elsewhere.org")
    EmailAddress.objects.filter(user=bob).update(email="bob@elsewhere.org")
