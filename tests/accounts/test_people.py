"""Who is approved, by whom, and that there is always somebody who can approve people."""

from functools import partial

import pytest
from django.db import IntegrityError, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts import mail, people
from ondol.accounts.models import Approval, Decision, Role, User
from ondol.accounts.people import AccountError
from tests.accounts.conftest import person
from tests.committed import committed, together  # noqa: F401  a fixture

pytestmark = pytest.mark.django_db


def letters():
    """Return the jobs that would send an e-mail."""
    return [(job.args["kind"], job.args["user_id"]) for job in ProcrastinateJob.objects.filter(task_name=mail.TASK)]


def now(user):
    return User.objects.get(pk=user.pk)


# --- deciding --------------------------------------------------------------------------------------------------------
def test_ada_approves_carol_who_is_told(ada, carol):
    people.approve(carol.pk, ada)
    assert now(carol).is_approved
    assert (now(carol).decided_by, now(carol).decided_at is not None) == (ada, True)
    assert letters() == [("decision", carol.pk)]
    decision = Decision.objects.get()
    assert (decision.user, decision.by, decision.what, decision.reason) == (carol, ada, "APPROVED", "")


def test_ada_rejects_carol_with_a_reason(ada, carol):
    people.reject(carol.pk, ada, "  Use your institute's address. ")
    assert (now(carol).approval, now(carol).decision_reason) == ("REJECTED", "Use your institute's address.")
    assert letters() == [("decision", carol.pk)]


def test_ada_suspends_alice_with_or_without_a_reason(ada, alice):
    people.suspend(alice.pk, ada)
    assert (now(alice).approval, now(alice).decision_reason) == ("SUSPENDED", "")
    people.approve(alice.pk, ada)
    people.suspend(alice.pk, ada, "On leave.")
    assert now(alice).decision_reason == "On leave."


@pytest.mark.parametrize("approval", [Approval.REJECTED, Approval.SUSPENDED])
def test_everybody_can_be_let_in_again_and_the_old_reason_is_gone(ada, approval):
    dan = person("dan", approval, decision_reason="no")
    people.approve(dan.pk, ada)
    assert (now(dan).approval, now(dan).decision_reason) == ("APPROVED", "")


@pytest.mark.parametrize(
    ("decide", "approval"),
    [
        (lambda pk, ada: people.approve(pk, ada), Approval.APPROVED),
        (lambda pk, ada: people.reject(pk, ada, "no"), Approval.REJECTED),
        (lambda pk, ada: people.suspend(pk, ada), Approval.SUSPENDED),
    ],
)
def test_the_same_decision_twice_is_one(ada, decide, approval):
    dan = person("dan", approval)
    assert decide(dan.pk, ada).approval == approval
    assert letters() == []
    assert not Decision.objects.exists()


@pytest.mark.parametrize("reason", ["", "   ", "x" * 1001, "not\x1b[2Jyou", "\x00"])
def test_a_rejection_needs_a_reason_that_fits(ada, carol, reason):
    with pytest.raises(AccountError) as error:
        people.reject(carol.pk, ada, reason)
    assert error.value.status == 422
    assert now(carol).approval == "PENDING"


def test_a_suspension_needs_none_but_one_that_fits(ada, alice):
    for reason in ("x" * 1001, "on\x1bleave"):
        with pytest.raises(AccountError):
            people.suspend(alice.pk, ada, reason)
    assert now(alice).is_approved


@pytest.mark.parametrize("approval", [Approval.APPROVED, Approval.SUSPENDED])
def test_only_a_request_can_be_rejected(ada, approval):
    dan = person("dan", approval)
    with pytest.raises(AccountError):
        people.reject(dan.pk, ada, "no")
    assert now(dan).approval == approval


@pytest.mark.parametrize("approval", [Approval.PENDING, Approval.REJECTED])
def test_only_the_approved_can_be_suspended(ada, approval):
    dan = person("dan", approval)
    with pytest.raises(AccountError):
        people.suspend(dan.pk, ada)
    assert now(dan).approval == approval


# --- who decides -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "by",
    [
        {},
        {"role": Role.ADMIN, "approval": Approval.SUSPENDED},
        {"role": Role.ADMIN, "approval": Approval.PENDING},
        {"role": Role.ADMIN, "is_active": False},
    ],
)
def test_only_an_administrator_in_good_standing_decides(carol, by):
    mallory = person("mallory", **by)
    for decide in (
        lambda: people.approve(carol.pk, mallory),
        lambda: people.reject(carol.pk, mallory, "no"),
        lambda: people.suspend(carol.pk, mallory),
        lambda: people.set_role(carol.pk, mallory, Role.ADMIN),
    ):
        with pytest.raises(AccountError) as error:
            decide()
        assert error.value.code == "not_admin"
    assert now(carol).approval == "PENDING"


def test_nobody_lets_themselves_in(carol):
    with pytest.raises(AccountError):
        people.approve(carol.pk, carol)


def test_a_person_must_be_there(ada):
    with pytest.raises(AccountError) as error:
        people.approve(10**9, ada)
    assert (error.value.code, error.value.status) == ("no_such_person", 404)


# --- administrators --------------------------------------------------------------------------------------------------
def test_alice_becomes_an_administrator_and_a_member_again(ada, alice):
    people.set_role(alice.pk, ada, Role.ADMIN)
    assert now(alice).is_admin
    people.set_role(alice.pk, ada, Role.MEMBER)
    assert not now(alice).is_admin
    assert list(Decision.objects.order_by("pk").values_list("what", flat=True)) == ["ADMIN", "MEMBER"]


def test_who_waits_cannot_administrate(ada, carol):
    with pytest.raises(AccountError):
        people.set_role(carol.pk, ada, Role.ADMIN)


def test_the_last_administrator_stays(ada, alice):
    for decide in (lambda: people.suspend(ada.pk, ada), lambda: people.set_role(ada.pk, ada, Role.MEMBER)):
        with pytest.raises(AccountError) as error:
            decide()
        assert error.value.code == "last_administrator"
    assert now(ada).is_admin


def test_a_suspended_administrator_does_not_count(ada):
    person("bea", Approval.SUSPENDED, Role.ADMIN)
    person("cleo", role=Role.ADMIN, is_active=False)
    with pytest.raises(AccountError):
        people.set_role(ada.pk, ada, Role.MEMBER)


def code_of(decide):
    """Return the code of the error, if there was one."""

    def run():
        try:
            decide()
        except AccountError as error:
            return error.code
        return "done"

    return run


@pytest.mark.usefixtures("committed")
def test_two_last_administrators_who_demote_each_other_leave_one():
    for number in range(5):
        ada, bea = (person(f"{name}-{number}", role=Role.ADMIN) for name in ("ada", "bea"))
        demote, suspend = partial(people.set_role, bea.pk, ada, Role.MEMBER), partial(people.suspend, ada.pk, bea)
        assert sorted(together(code_of(demote), code_of(suspend))) == ["done", "not_admin"]
        assert User.objects.filter(role=Role.ADMIN, approval=Approval.APPROVED).count() == 1
        User.objects.update(role=Role.MEMBER)


@pytest.mark.usefixtures("committed")
def test_ten_approvals_at_once_are_one():
    ada, carol = person("ada", role=Role.ADMIN), person("carol", Approval.PENDING)
    assert together(*[code_of(lambda: people.approve(carol.pk, ada))] * 10) == ["done"] * 10
    assert Decision.objects.count() == 1
    assert letters() == [("decision", carol.pk)]


# --- adding people ---------------------------------------------------------------------------------------------------
def test_a_person_is_added_from_the_command_line():
    user = people.add_user(" Dan@Example.org ", password="a long sentence nobody knows")
    assert (user.email, user.name, user.approval, user.role) == ("dan@example.org", "Dan", "PENDING", "MEMBER")
    assert user.check_password("a long sentence nobody knows")


def test_an_administrator_is_approved_too():
    ada = people.add_user("ada@example.org", "Ada", admin=True)
    assert ada.is_admin
    assert ada.decisions.get().what == "ADMIN"
    assert not ada.has_usable_password()


@pytest.mark.parametrize(
    ("email", "more"),
    [("not an address", {}), ("", {}), ("dan@example.org", {"password": "12345678"}),
     ("dan@example.org", {"password": "dan@example.org"}), ("dan@example.org", {"name": "x" * 101}),
     (f"{'d' * 60}@{'.'.join(['example'] * 26)}.org", {})],
)  # fmt: skip
def test_a_person_that_cannot_be_added_is_explained(email, more):
    with pytest.raises(AccountError) as error:
        people.add_user(email, **more)
    assert str(error.value)
    assert not User.objects.exists()


def test_an_address_belongs_to_one_person_whatever_its_letters(alice):
    with pytest.raises(AccountError) as error:
        people.add_user("ALICE@example.org")
    assert error.value.code == "address_taken"
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("Alice@EXAMPLE.org", name="Alice")
