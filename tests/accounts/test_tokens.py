"""Personal API tokens: shown once, stored as a digest, for some scopes, valid until their end or until revoked."""

from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from allauth.account.forms import EmailAwarePasswordResetTokenGenerator as PasswordResetTokenGenerator
from allauth.account.utils import user_pk_to_url_str
from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test import Client
from django.urls import reverse

from ondol.accounts import expired, people, tokens
from ondol.accounts.models import ApiToken, Approval, Role, Scope, User
from ondol.accounts.people import AccountError
from tests.web.browser import sign_in

pytestmark = pytest.mark.django_db


def owner_of(token):
    row = tokens.find(token)
    return row.user if row and not row.has_expired else None


def test_a_token_is_its_owners(alice):
    token = tokens.create_token(alice, "laptop")
    assert owner_of(token) == alice
    assert tokens.create_token(alice, "laptop") != token


def test_a_token_is_not_kept(alice):
    token = tokens.create_token(alice, "laptop")
    row = ApiToken.objects.get()
    assert token not in {row.digest, row.hint, row.name}
    assert len(row.digest) == 64
    assert token.startswith(row.hint)
    assert len(row.hint) == len("ondol_") + 4


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda text: text[:-1],
        lambda text: f"{text} ",
        lambda text: "",
        lambda text: "\x00",
        lambda text: "\ud800",
    ],
)
def test_any_other_text_is_nobodys(alice, change):
    assert owner_of(change(tokens.create_token(alice, "laptop"))) is None


def test_a_token_taken_back_is_nobodys(alice):
    token = tokens.create_token(alice, "laptop")
    ApiToken.objects.all().delete()
    assert owner_of(token) is None


def test_a_closed_account_has_no_tokens(alice):
    token = tokens.create_token(alice, "laptop")
    alice.is_active = False
    alice.save()
    assert owner_of(token) is None


def test_a_token_knows_where_its_owner_stands(alice):
    token = tokens.create_token(alice, "laptop")
    alice.approval = Approval.SUSPENDED
    alice.save()
    assert not owner_of(token).is_approved


def use(token, address="203.0.113.5"):
    tokens.note_use(tokens.find(token), address)
    return ApiToken.objects.get()


def test_its_last_use_is_noted_with_its_address_once_a_minute(alice, django_assert_num_queries):
    token = tokens.create_token(alice, "laptop")
    assert ApiToken.objects.get().used_at is None
    first = use(token)
    assert first.used_from == "203.0.113.5"
    with django_assert_num_queries(0):
        tokens.note_use(first, "2001:db8::1")
    ApiToken.objects.update(used_at=first.used_at - timedelta(minutes=2))
    later = use(token, "2001:db8::1")
    assert (later.used_at >= first.used_at, later.used_from) == (True, "2001:db8::1")
    ApiToken.objects.update(used_at=None)
    assert use(token, None).used_from is None


def test_it_lives_for_90_days_unless_its_owner_chooses_otherwise(alice):
    for days in (None, 7, 30, 90, 365):
        token = tokens.create_token(alice, "laptop", **({"days": days} if days else {}))
        left = tokens.find(token).expires_at - datetime.now(UTC)
        assert timedelta(0) <= timedelta(days=days or 90) - left < timedelta(minutes=1)


@pytest.mark.parametrize("choice", [{"days": 0}, {"days": 91}, {"days": -7}, {"days": 36500}, {"scopes": []}])
def test_no_token_lives_for_ever_or_for_nothing(alice, choice):
    with pytest.raises(AccountError) as refused:
        tokens.create_token(alice, "laptop", **choice)
    assert refused.value.code == "invalid"
    assert not ApiToken.objects.exists()


def test_it_ends_on_its_day_and_is_forgotten_a_month_later(alice):
    token = tokens.create_token(alice, "laptop")
    now = datetime.now(UTC)
    for later, owner, is_kept in ((timedelta(seconds=2), alice, True), (-timedelta(seconds=2), None, True),
                                  (-timedelta(days=29), None, True), (-timedelta(days=31), None, False)):  # fmt: skip
        ApiToken.objects.update(expires_at=now + later)
        assert owner_of(token) == owner
        expired.prune()
        assert bool(tokens.find(token)) == is_kept


def test_ended_tokens_leave_room_for_new_ones(alice):
    for _ in range(tokens.AT_MOST):
        tokens.create_token(alice, "laptop")
    with pytest.raises(AccountError):
        tokens.create_token(alice, "one more")
    ApiToken.objects.update(expires_at=datetime.now(UTC))
    assert tokens.create_token(alice, "one more")


def test_only_administrators_give_the_scope_to_administrate(alice, ada):
    with pytest.raises(AccountError) as refused:
        tokens.create_token(alice, "laptop", list(Scope))
    assert (refused.value.code, refused.value.status) == ("not_admin", 403)
    assert tokens.find(tokens.create_token(ada, "laptop", list(Scope))).scopes == ["read", "machine", "administrate"]


def test_a_token_of_before_may_do_what_it_could_and_ends_in_90_days(alice, ada):
    """An old web inserts rows like this, too, while a new version is installed."""
    migration = import_module("ondol.accounts.migrations.0010_scopes_and_ends_of_tokens")
    with connection.cursor() as cursor:
        for owner in (alice, ada):
            cursor.execute(
                "INSERT INTO accounts_apitoken (user_id, name, digest, hint, created_at)"
                " VALUES (%s, %s, %s, %s, now())",
                [owner.pk, "of before", f"digest-{owner.pk}", "ondol_abcd"],
            )
    migration.let_administrators_administrate(apps, None)
    found = {row.user: row for row in ApiToken.objects.select_related("user")}
    assert found[alice].scopes == ["read", "machine"]
    assert found[ada].scopes == ["read", "machine", "administrate"]
    for row in found.values():
        assert timedelta(days=89) < row.expires_at - datetime.now(UTC) <= timedelta(days=90)


# --- what ends all of them -------------------------------------------------------------------------------------------
def changed(alice, browser):
    data = {"oldpassword": "the floor is warm", "password1": "the floor is hot", "password2": "the floor is hot"}
    return browser.post(reverse("account_change_password"), data)


def reset(alice, browser):
    key = PasswordResetTokenGenerator().make_token(alice)
    link = reverse("account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(alice), "key": key})
    stranger = Client()
    form = stranger.get(link).url
    return stranger.post(form, {"password1": "the floor is hot", "password2": "the floor is hot"})


def set_by_hand(alice, browser):
    alice.set_password("the floor is hot")
    alice.save()


def set_alone(alice, browser):
    alice.set_password("the floor is hot")
    alice.save(update_fields=["password"])


def taken_away(alice, browser):
    """Do what happens where an institute's sign-in takes over an account."""
    alice.set_unusable_password()
    alice.save(update_fields=["password"])


def saved_as_it_was(alice, browser):
    alice.save()
    User.objects.get(pk=alice.pk).save()


def signed_out_everywhere(alice, browser):
    return browser.post(reverse("usersessions_list"))


def signed_out_everywhere_of_several(alice, browser):
    sign_in(Client(), alice)
    return browser.post(reverse("usersessions_list"))


def signed_in_again_with_an_older_hash(alice, browser):
    older = make_password("the floor is warm", hasher="pbkdf2_sha256")
    User.objects.filter(pk=alice.pk).update(password=older)
    Client().post(reverse("account_login"), {"login": alice.email, "password": "the floor is warm"})
    assert User.objects.get(pk=alice.pk).password != older


def renamed(alice, browser):
    return browser.post(reverse("account"), {"name": "Alicia", "language": "en"})


@pytest.mark.parametrize(
    ("act", "is_left"),
    [
        *((act, False) for act in (changed, reset, set_by_hand, set_alone, taken_away)),
        *((act, False) for act in (signed_out_everywhere, signed_out_everywhere_of_several)),
        *((act, True) for act in (signed_in_again_with_an_older_hash, renamed, saved_as_it_was)),
    ],
)
def test_a_new_password_and_signing_out_everywhere_end_all_tokens_of_one_person(settings, alice, ada, act, is_left):
    settings.PASSWORD_HASHERS = [*settings.PASSWORD_HASHERS, "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    alice.set_password("the floor is warm")
    alice.save()
    his, hers = tokens.create_token(alice, "laptop"), tokens.create_token(ada, "laptop")
    browser = Client()
    sign_in(browser, alice)
    act(alice, browser)
    assert bool(owner_of(his)) == is_left
    assert owner_of(hers) == ada


def test_somebody_without_a_password_keeps_tokens_when_something_else_is_saved(alice):
    alice.set_unusable_password()
    alice.save()
    token = tokens.create_token(alice, "laptop")
    alice.name = "Alicia"
    alice.save()
    User.objects.get(pk=alice.pk).save()
    assert owner_of(token) == alice


def test_a_token_is_not_made_for_somebody_who_has_just_been_suspended(ada, alice):
    """The page has looked at her approval before; the row is locked and asked again."""
    people.suspend(alice.pk, ada)
    with pytest.raises(AccountError) as refusal:
        tokens.create_token(alice, "late")
    assert refusal.value.code == "not_approved"
    assert not ApiToken.objects.exists()


def test_a_token_that_administrates_ends_with_the_role(ada, alice):
    people.set_role(alice.pk, ada, Role.ADMIN)
    alice.refresh_from_db()
    tokens.create_token(alice, "of an administrator", [Scope.READ, Scope.ADMINISTRATE])
    tokens.create_token(alice, "of a member", [Scope.READ])
    people.set_role(alice.pk, ada, Role.MEMBER)
    people.set_role(alice.pk, ada, Role.ADMIN)
    assert [token.name for token in ApiToken.objects.all()] == ["of a member"]
