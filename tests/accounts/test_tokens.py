"""Personal API tokens: shown once, stored as a digest, valid until revoked."""

from datetime import timedelta

import pytest

from ondol.accounts import tokens
from ondol.accounts.models import ApiToken, Approval

pytestmark = pytest.mark.django_db


def test_a_token_is_its_owners(alice):
    token = tokens.create_token(alice, "laptop")
    assert tokens.user_of(token) == alice
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
    assert tokens.user_of(change(tokens.create_token(alice, "laptop"))) is None


def test_a_token_taken_back_is_nobodys(alice):
    token = tokens.create_token(alice, "laptop")
    ApiToken.objects.all().delete()
    assert tokens.user_of(token) is None


def test_a_closed_account_has_no_tokens(alice):
    token = tokens.create_token(alice, "laptop")
    alice.is_active = False
    alice.save()
    assert tokens.user_of(token) is None


def test_a_token_knows_where_its_owner_stands(alice):
    token = tokens.create_token(alice, "laptop")
    alice.approval = Approval.SUSPENDED
    alice.save()
    assert not tokens.user_of(token).is_approved


def test_its_last_use_is_noted_once_a_minute(alice, django_assert_num_queries):
    token = tokens.create_token(alice, "laptop")
    assert ApiToken.objects.get().used_at is None
    tokens.user_of(token)
    first = ApiToken.objects.get().used_at
    with django_assert_num_queries(1):
        tokens.user_of(token)
    assert ApiToken.objects.get().used_at == first
    ApiToken.objects.update(used_at=first - timedelta(minutes=2))
    tokens.user_of(token)
    assert ApiToken.objects.get().used_at >= first
