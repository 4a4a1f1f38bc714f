"""People and the end of their machines, for administrators."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ondol.accounts.models import Approval, Role, User
from ondol.audit.models import Entry
from ondol.instances.states import Status
from tests.api.caller import person, refusal


def known(program):
    return User.objects.get(pk=program.user.pk)


def test_ada_sees_everybody_with_their_machine(ada, alice, carol, machine):
    row = machine(alice, public_ip="203.0.113.17", instance_id="i-1")
    told = ada.get("/admin/users").json()
    assert told["total"] == 3
    assert [user["name"] for user in told["users"]] == ["Ada", "Alice", "Carol"]
    shown = told["users"][1]
    assert (shown["email"], shown["approval"], shown["role"]) == ("alice@example.org", "APPROVED", "MEMBER")
    assert shown["instance"]["id"] == str(row.pk)
    assert (shown["instance"]["status"], shown["instance"]["instance_id"]) == ("RUNNING", "i-1")
    assert told["users"][2]["instance"] is None


def test_the_list_costs_the_same_for_few_and_many(ada, machine):
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert ada.get("/admin/users").status_code == 200
        return len(asked)

    queries()
    few = queries()
    for number in range(20):
        person(f"person-{number}")
    assert queries() == few


@pytest.mark.parametrize(
    ("query", "names"),
    [("approval=PENDING", ["Carol"]), ("search=ALI", ["Alice"]), ("search=carol@", ["Carol"]), ("search=nobody", []),
     ("limit=1&offset=1", ["Alice"]), ("offset=9", []), ("search=%25", [])],
)  # fmt: skip
def test_the_list_can_be_narrowed(ada, alice, carol, query, names):
    assert [user["name"] for user in ada.get(f"/admin/users?{query}").json()["users"]] == names


@pytest.mark.parametrize("query", ["approval=MAYBE", "limit=0", "limit=many", "offset=-1", "search=%00"])
def test_a_filter_that_does_not_exist_is_invalid(ada, query):
    assert refusal(ada.get(f"/admin/users?{query}"), 422)["code"] == "invalid"


def test_ada_lets_carol_in(ada, carol):
    response = ada.post(f"/admin/users/{carol.user.pk}/approve")
    assert (response.status_code, response.json()["approval"]) == (200, "APPROVED")
    assert carol.get("/instances/status").status_code == 200


def test_ada_rejects_carol_with_a_reason(ada, carol):
    assert refusal(ada.post(f"/admin/users/{carol.user.pk}/reject", '{"reason": "  "}'), 422)["code"] == "no_reason"
    response = ada.post(f"/admin/users/{carol.user.pk}/reject", '{"reason": "Use your institute\'s address."}')
    assert response.json()["decision_reason"] == "Use your institute's address."
    assert known(carol).approval == Approval.REJECTED


@pytest.mark.parametrize("body", [None, "{}", '{"reason": "On leave."}'])
def test_ada_suspends_alice_with_or_without_a_reason(ada, alice, body):
    assert ada.post(f"/admin/users/{alice.user.pk}/suspend", body).json()["approval"] == "SUSPENDED"
    refusal(alice.get("/instances/status"), 401)  # her token is gone


@pytest.mark.parametrize(
    ("decision", "approval", "code"),
    [("reject", Approval.APPROVED, "not_waiting"), ("suspend", Approval.PENDING, "not_approved")],
)
def test_a_decision_that_does_not_fit_is_a_conflict(ada, decision, approval, code):
    dan = person("dan", approval)
    assert refusal(ada.post(f"/admin/users/{dan.pk}/{decision}", '{"reason": "why"}'), 409)["code"] == code


def test_the_last_administrator_stays(ada):
    error = refusal(ada.post(f"/admin/users/{ada.user.pk}/suspend"), 409)
    assert error["code"] == "last_administrator"
    assert known(ada).role == Role.ADMIN


@pytest.mark.parametrize("path", ["approve", "reject", "suspend"])
def test_nobody_is_decided_about_who_is_not_there(ada, path):
    assert refusal(ada.post(f"/admin/users/999999/{path}", '{"reason": "why"}'), 404)["code"] == "no_such_person"


def test_ada_ends_alices_machine(ada, alice, machine):
    row = machine(alice)
    response = ada.delete(f"/admin/users/{alice.user.pk}/instance")
    assert response.status_code == 202
    assert response.json()["instance"]["id"] == str(row.pk)
    assert response.json()["instance"]["status"] == "TERMINATING"
    assert ada.delete(f"/admin/users/{alice.user.pk}/instance").status_code == 202
    row.refresh_from_db()
    assert row.status == Status.TERMINATING


def test_there_must_be_a_person_and_a_machine_to_end(ada, alice):
    assert refusal(ada.delete(f"/admin/users/{alice.user.pk}/instance"), 404)["code"] == "no_machine"
    assert refusal(ada.delete("/admin/users/999999/instance"), 404)["code"] == "no_such_person"
    refusal(ada.delete(f"/admin/users/{2**63}/instance"), 422)


@pytest.mark.parametrize("body", [7, -9291900, 1.5, "x", "", True, [], [{"vouches": True}]])
@pytest.mark.parametrize("act", ["approve", "suspend"])
def test_a_body_that_is_no_object_is_refused(ada, carol, act, body):
    answer = ada.post(f"/admin/users/{carol.user.pk}/{act}", json.dumps(body))
    assert refusal(answer, 422)["code"] == "invalid"
    carol.user.refresh_from_db()
    assert carol.user.approval == "PENDING"


@pytest.mark.parametrize("number", [999, 2**31 - 1, 2**31, 2**53, 2**61, 2**63 - 1])
@pytest.mark.parametrize("act", ["approve", "reject", "suspend"])
def test_nobody_has_so_large_a_number_and_the_record_says_which_was_asked_for(ada, act, number):
    answer = ada.post(f"/admin/users/{number}/{act}", json.dumps({"reason": "x"}))
    assert refusal(answer, 404)["code"] == "no_such_person"
    assert Entry.objects.filter(action=f"person.{act}", details__asked=str(number)).exists()
