"""Nobody is approved by an address that is not proven, unless an administrator decides so."""

import importlib

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts import people, proof, requests
from ondol.accounts.models import Approval, Decision, Role, User
from ondol.accounts.people import AccountError, add_user
from ondol.config import config
from ondol.doctor import local_checks
from tests.accounts.conftest import person


@pytest.fixture
def at_amazon(monkeypatch):
    """Return a function that makes this an installation at Amazon."""

    def settle(verification="mandatory", mail="smtp://mail.example.org:25"):
        for name, value in {"cloud": "aws", "email_verification": verification, "email_url": mail}.items():
            monkeypatch.setattr(config(), name, value)

    return settle


def approved(user):
    return User.objects.get(pk=user.pk).is_approved


@pytest.mark.parametrize("verification", ["mandatory", "optional", "none"])
def test_ada_approves_carols_address_only_if_it_is_proven_or_she_vouches_for_it(ada, carol, at_amazon, verification):
    at_amazon(verification)
    with pytest.raises(AccountError) as refused:
        people.approve(carol.pk, ada)
    assert refused.value.code == "address_not_proven"
    assert not approved(carol)
    people.approve(carol.pk, ada, vouches=True)
    assert approved(carol)
    assert proof.is_proven(carol)
    assert list(Decision.objects.order_by("pk").values_list("what", "by")) == [
        ("VOUCHED", ada.pk), ("APPROVED", ada.pk),
    ]  # fmt: skip


def test_where_the_address_is_proven_nobody_vouches(ada, carol, at_amazon):
    at_amazon()
    proof.mark(carol)
    people.approve(carol.pk, ada, vouches=True)
    assert [decision.what for decision in Decision.objects.all()] == ["APPROVED"]


def test_another_address_of_carols_proves_nothing(ada, carol, at_amazon):
    at_amazon()
    EmailAddress.objects.create(user=carol, email="carol@elsewhere.org", verified=True)
    with pytest.raises(AccountError):
        people.approve(carol.pk, ada)


def test_in_the_trial_nobody_is_asked(ada, carol):
    people.approve(carol.pk, ada)
    assert approved(carol)
    assert not proof.unproven().exists()


def test_administrators_hear_of_a_request_once_its_address_is_proven(ada, carol, at_amazon):
    at_amazon()
    requests.announce()
    assert not ProcrastinateJob.objects.filter(task_name=requests.TASK).exists()
    assert [person.pk for person in proof.unproven()] == [carol.pk]
    proof.mark(carol)
    requests.announce()
    assert ProcrastinateJob.objects.filter(task_name=requests.TASK).count() == 1
    assert [person.pk for person in proof.to_decide()] == [carol.pk]


def test_where_letters_prove_nothing_they_hear_at_once_and_are_told_that_it_is_not_proven(ada, carol, at_amazon):
    at_amazon("none", "")
    requests.announce()
    assert ProcrastinateJob.objects.filter(task_name=requests.TASK).count() == 1
    assert [person.pk for person in proof.unproven()] == [carol.pk]


@pytest.mark.parametrize(("added", "is_proven"), [({}, False), ({"approved": True}, True), ({"admin": True}, True)])
def test_who_approves_on_the_command_line_vouches(db, at_amazon, added, is_proven):
    at_amazon()
    assert proof.is_proven(add_user("Zoe@Example.org", **added)) == is_proven


@pytest.mark.parametrize(
    ("verification", "mail", "code"),
    [
        ("mandatory", "smtp://mail.example.org:25", "proven"),
        ("mandatory", "", "nobody_reads"),
        ("none", "", "no_letters"),
        ("none", "smtp://mail.example.org:25", "turned_off"),
        ("optional", "smtp://mail.example.org:25", "turned_off"),
    ],
)
def test_the_check_up_says_what_is_proven_and_what_to_do(at_amazon, verification, mail, code):
    at_amazon(verification, mail)
    [finding] = local_checks.addresses()
    assert finding.code == code


def test_in_a_trial_the_check_up_is_content():
    assert [finding.code for finding in local_checks.addresses()] == ["trial"]


def upgrade():
    importlib.import_module("ondol.accounts.migrations.0013_proven_addresses").carry_over(apps, None)


def test_an_upgrade_locks_out_nobody_whom_somebody_has_approved(ada, db):
    """Each had an account before the upgrade: with or without a row of allauth's, proven or not, in capital letters."""
    kept = {
        "row": person("row"), "none": person("none"), "suspended": person("suspended", Approval.SUSPENDED), "ada": ada,
        "capitals": person("capitals"), "changing": person("changing"), "proven": person("proven"),
        "admin": person("admin", role=Role.ADMIN),
    }  # fmt: skip
    waits, rejected = person("waits", Approval.PENDING), person("rejected", Approval.REJECTED)
    User.objects.filter(pk=kept["capitals"].pk).update(email="Capitals@Example.org")
    EmailAddress.objects.create(user=kept["row"], email="row@example.org", primary=True)
    EmailAddress.objects.create(user=kept["changing"], email="other@example.org", primary=True)
    EmailAddress.objects.create(user=kept["proven"], email="proven@example.org", primary=True, verified=True)
    EmailAddress.objects.create(user=waits, email="waits@example.org", primary=True)
    for _again in range(2):
        upgrade()
        proven = proof.proven_among(User.objects.values_list("pk", flat=True))
        assert proven == {user.pk for user in kept.values()}
        assert not proven & {waits.pk, rejected.pk}
