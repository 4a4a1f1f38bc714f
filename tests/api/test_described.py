"""The API is as its description says, whoever asks, and whatever they send: Schemathesis makes the requests.

`make test` has a sample, another one each time; `make fuzz` goes on for minutes.
"""

import time
from collections import Counter
from itertools import count, product

import pytest
from django.core.exceptions import ValidationError
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connection
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import sampled_from

from ondol.accounts.models import Approval, Scope, validate_prose
from ondol.accounts.tokens import create_token
from ondol.api.throttle import PER_PERSON
from ondol.instances.states import Status
from tests.api.caller import Program, person
from tests.instances.keys import keep
from tests.web.fuzz.world import undone

CAPPED = {"/api/instances", "/api/instances/size", "/api/instances/keep-awake", "/api/instances/ssh-addresses"}
"""Paths for which an administrator's rules say more than the form."""
CAREFUL = settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
UNKNOWN = {"stranger", "wrong token"}
AT_LENGTH = 60
"""Examples of each operation, mode and person in one round of `make fuzz`."""


@pytest.fixture
def schema(db):
    """Return the schema, over WSGI in this test's own transaction: like Django's test client, with the connection
    open. To make requests takes longer than a transaction may wait, on a computer that has other work too."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    import schemathesis  # here: importing it takes longer than most tests, and each worker would

    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield schemathesis.openapi.from_wsgi("/api/openapi.json", get_wsgi_application())
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def callers(ada, alice, carol, nobody, machine):
    """Return a program of each role, with machines and without."""
    keep(machine(ada, Status.RUNNING))
    keep(machine(alice, Status.STOPPED))
    reader = Program(headers={"Authorization": f"Bearer {create_token(alice.user, 'reader', [Scope.READ])}"})
    stolen = Program(headers={"Authorization": "Bearer ondol_not-a-token"})
    everybody = {"stranger": nobody, "wrong token": stolen, "waiting": carol, "reader": reader, "member": alice}
    return everybody | {"administrator": ada}


@pytest.fixture
def people(callers):
    """Return the numbers of people in every standing, to decide about."""
    others = person("dan", Approval.REJECTED), person("erin", Approval.SUSPENDED)
    return [one.user.pk for one in callers.values() if one.user] + [one.pk for one in others]


@pytest.fixture
def _without_end(monkeypatch):
    """Lift the limits, however often somebody asks."""
    for kind in ("reads", "wishes"):
        monkeypatch.setattr(PER_PERSON, kind, 1_000_000)


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


def names_a_key(body):
    """Return whether there is a public key in it: a description does not say what one is."""
    return isinstance(body, dict) and bool(body.get("public_key"))


class Asked:
    """Asks one operation as everybody, and counts."""

    def __init__(self, callers, people):
        self.callers, self.people = callers, people
        self.requests = {}
        self.cases, self.answers = Counter(), Counter()

    def ask(self, operation, mode, who, examples, number):
        """Send this many requests that are as described (positive), or are not (negative)."""
        from schemathesis.specs.openapi.checks import positive_data_acceptance

        @seed(number)
        @given(case=self._requests(operation, mode), whom=sampled_from([*self.people, 0]))
        @settings(CAREFUL, max_examples=examples)
        def check(case, whom):
            # Not where the number itself is wrong.
            if whom and case.path_parameters and is_a_number(case.path_parameters.get("user_id")):
                case.path_parameters["user_id"] = whom
            # A time of the right form may be over, a type of the right form not be permitted.
            is_capped = operation.path in CAPPED or not is_prose(case.body) or names_a_key(case.body)
            excluded = [positive_data_acceptance] if is_capped else []
            self.cases[who] += 1
            headers = {**self.callers[who].headers, "Accept-Encoding": "identity"}  # this client unpacks nothing
            with undone():
                answer = case.call_and_validate(headers=headers, excluded_checks=excluded)
            self.answers[answer.status_code] += 1
            told = who, operation.label, answer.status_code
            is_mine = who == "administrator" or not operation.path.startswith("/api/admin/")
            assert is_mine or answer.status_code in {401, 403, 404, 405, 422}, told
            assert who not in UNKNOWN or answer.status_code in {401, 404, 405}, told

        try:
            check()
        except Unsatisfiable:  # nothing can be wrong where nothing is sent
            return

    def _requests(self, operation, mode):
        from schemathesis import GenerationMode

        if (operation.label, mode) not in self.requests:
            made = operation.as_strategy(generation_mode=GenerationMode(mode))
            self.requests[operation.label, mode] = made
        return self.requests[operation.label, mode]


@pytest.mark.timeout(0)
@pytest.mark.usefixtures("_without_end")
def test_every_answer_is_as_described_whoever_asks(schema, callers, people, request, record_property):
    minutes, number = request.config.getoption("fuzz_minutes"), request.config.getoption("fuzz_seed")
    asked, end, began = Asked(callers, people), time.monotonic() + 60 * minutes, time.process_time()
    operations = [found.ok() for found in schema.get_all_operations()]
    for round in count():
        for operation, mode, who in product(operations, ("positive", "negative"), callers):
            says_something = operation.body or operation.path_parameters or operation.query
            few = 3 if says_something and who not in UNKNOWN else 1
            asked.ask(operation, mode, who, AT_LENGTH if minutes else few, number + round)
            if minutes and time.monotonic() > end:
                break
        if time.monotonic() >= end:
            break
    each = ", ".join(f"{who} {cases}" for who, cases in asked.cases.items())
    codes = ", ".join(f"{code}: {times}" for code, times in sorted(asked.answers.items()))
    told = f"Schemathesis: {asked.cases.total()} cases of {len(operations)} operations ({each}); answers {codes}"
    record_property(
        "told", f"{told}; {time.process_time() - began:.0f} s of processor time; again with --fuzz-seed {number}"
    )
