"""The description of the API is complete, and the API is as described."""

from functools import cache

import pytest
from django.core.exceptions import ValidationError
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import sampled_from

from ondol.accounts.models import Approval, validate_prose
from ondol.api.scopes import SCOPES
from ondol.api.throttle import PER_PERSON
from ondol.instances.lifecycle import Status
from tests.api.caller import person
from tests.instances.keys import keep

OPERATIONS = {
    ("get", "/api/instances/ssh-addresses"),
    ("post", "/api/instances/ssh-addresses"),
    ("delete", "/api/instances/ssh-addresses/{number}"),
    ("get", "/api/instances/status"),
    ("get", "/api/instances/offers"),
    ("post", "/api/instances"),
    ("post", "/api/instances/size"),
    ("post", "/api/instances/start"),
    ("post", "/api/instances/stop"),
    ("post", "/api/instances/keep-awake"),
    ("post", "/api/instances/ssh-key"),
    ("get", "/api/costs"),
    ("get", "/api/admin/users"),
    ("post", "/api/admin/users/{user_id}/approve"),
    ("post", "/api/admin/users/{user_id}/reject"),
    ("post", "/api/admin/users/{user_id}/suspend"),
    ("delete", "/api/admin/users/{user_id}/instance"),
}


CAPPED = {"/api/instances", "/api/instances/size", "/api/instances/keep-awake"}
"""Paths for which an administrator's rules say more than the form."""


@pytest.fixture
def described(nobody):
    response = nobody.get("/openapi.json")
    assert response.status_code == 200
    return response.json()


def operations(described):
    return {(method, path): one for path, methods in described["paths"].items() for method, one in methods.items()}


def test_all_operations_are_described(described):
    assert set(operations(described)) == OPERATIONS


def test_every_operation_has_words_a_name_and_a_way_in(described):
    for (method, path), one in operations(described).items():
        assert one["summary"]
        scope = SCOPES[f"{method.upper()} {path}"]
        assert one["description"].endswith(f"Scope of a token: `{scope}`.")
        assert one["operationId"].isidentifier()
        assert one["security"] == [{"Token": [scope]}, {"Session": []}]
    assert described["components"]["securitySchemes"]["Token"]["scheme"] == "bearer"


def test_every_refusal_is_described_as_one(described):
    for one in operations(described).values():
        refused = {status: told for status, told in one["responses"].items() if int(status) >= 400}
        assert {"401", "403", "429", "503"} <= set(refused)
        for told in refused.values():
            assert told["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Refusal"}


def test_the_description_may_be_kept_for_a_while(nobody):
    assert nobody.get("/openapi.json").headers["Cache-Control"] == "public, max-age=300"


# --- as described ----------------------------------------------------------------------------------------------------
@pytest.fixture
def schema(described):
    """Return the schema, over WSGI in this test's own transaction: like Django's test client, with the connection
    open. That client, which `described` has used, connects these signals again."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield loaded()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@cache
def loaded():
    import schemathesis  # here: importing it takes longer than most tests, and each worker would

    return schemathesis.openapi.from_wsgi("/api/openapi.json", get_wsgi_application())


@pytest.fixture
def everybody(ada, alice, carol, machine):
    """Make people to decide about in every way; the caller has a machine and may do everything."""
    row = machine(ada, Status.RUNNING)
    keep(row)
    machine(alice, Status.STOPPED)
    dan, erin = person("dan", Approval.REJECTED), person("erin", Approval.SUSPENDED)
    return [program.user.pk for program in (ada, alice, carol)] + [dan.pk, erin.pk]


@pytest.fixture
def _without_end(monkeypatch):
    """Lift the limits, however often somebody asks."""
    for kind in ("reads", "wishes"):
        monkeypatch.setattr(PER_PERSON, kind, 1_000_000)


CAREFUL = settings(derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))


def examples(one):
    """Return how often to ask: where nothing is to be said, requests differ in cookies that no operation reads."""
    return 15 if one.get("parameters") or "requestBody" in one else 3


def is_a_number(user_id):
    return type(user_id) is int and 1 <= user_id < 2**63


def is_prose(body):
    """Return False for a reason that is blank or has control characters, which its description does not exclude."""
    reason = body.get("reason") if isinstance(body, dict) else None
    try:
        validate_prose(reason if isinstance(reason, str) else "")
    except ValidationError:
        return False
    return not isinstance(reason, str) or bool(reason.strip())


@pytest.mark.usefixtures("_without_end")
@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize(("method", "path"), sorted(OPERATIONS))
def test_every_answer_is_as_described(schema, described, everybody, ada, method, path, mode):
    from schemathesis import GenerationMode
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    operation = schema[path][method.upper()]
    try:
        cases = operation.as_strategy(generation_mode=GenerationMode(mode))
    except Unsatisfiable:
        return

    @given(case=cases, whom=sampled_from([*everybody, None]))
    @settings(CAREFUL, max_examples=examples(operations(described)[method, path]))
    def check(case, whom):
        # Not where the number itself is wrong.
        if whom and case.path_parameters and is_a_number(case.path_parameters.get("user_id")):
            case.path_parameters["user_id"] = whom
        # A time of the right form may be over, a type of the right form not be permitted.
        excluded = [positive_data_acceptance] if path in CAPPED or not is_prose(case.body) else []
        case.call_and_validate(headers=ada.headers, excluded_checks=excluded)

    check()
