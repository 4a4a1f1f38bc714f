"""Every address, tried by everybody: whoever may not see or change a thing does not, whatever they send."""

import json
from itertools import product

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ondol.accounts.models import ApiToken, Approval, Role, User
from ondol.instances.models import Instance, SshKey
from tests.tokens import token_of
from tests.web.browser import sign_in
from tests.web.conftest import machine, person
from tests.web.routes import RULE_OF, Rule, routes

METHODS = ("GET", "POST", "PUT", "DELETE")
OVERRIDES = ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method")
NOBODY = 10**9
EVERYTHING = {
    "name": "Mallory", "affiliation": "KIGAM", "purpose": "InSAR", "email": "mallory@example.org", "reason": "x",
    "role": Role.ADMIN, "approval": Approval.APPROVED, "is_active": "1", "is_staff": "1", "is_superuser": "1",
    "is_admin": "1", "owner": "1", "owner_id": "1", "user": "1", "user_id": "1", "id": "1", "pk": "1",
    "decision": "approve", "people": "1", "action_add": "1", "language": "en", "hours": "1",
    "instance_type": "t3.medium", "volume_gib": "40", "rate": "1400", "monthly_usd": "1", "scope": "administrate",
}  # fmt: skip
"""Fields of every form and more. Nobody becomes what they send."""
PASSWORD = make_password("a warm floor in winter")
LEADS_ELSEWHERE = {"account_logout", "account_login", "account_signup", "socialaccount_login_error"}
"""These sign out, are for people who have not signed in, or say 401 to everybody."""
BOOKKEEPING = (
    '"django_session"',
    '"usersessions_usersession"',
    '"ondol_cache_entry"',
    'INSERT INTO "audit_entry"',
    '"accounts_apitoken" SET "used_at"',
    'INSERT INTO "costs_monthfigure"',
)
"""What a refused request may write: its session, limits of how often they ask, the record, a token's last use."""


def test_each_route_has_a_rule():
    assert {route.pattern for route in routes()} == set(RULE_OF)


class People:
    """Somebody of each standing, each with a browser and a token."""

    def __init__(self):
        self.alice = person("alice@example.org", role=Role.ADMIN)
        self.bob = person("bob@example.org")
        standings = {"carol": Approval.PENDING, "dan": Approval.REJECTED, "erin": Approval.SUSPENDED}
        others = {name: person(f"{name}@example.org", approval) for name, approval in standings.items()}
        for user in (self.alice, self.bob, *others.values()):
            user.password = PASSWORD
            user.save()
            EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
        self.tokens = {user.pk: token_of(user, "a program") for user in (self.alice, self.bob, *others.values())}
        for user in (self.alice, self.bob):
            machine(user)
        self.clients = {"nobody": (Rule.ANYBODY, Client(raise_request_exception=False))}
        standing = {user: Rule.SIGNED_IN for user in others.values()}
        standing |= {self.bob: Rule.APPROVED, self.alice: Rule.ADMINISTRATOR}
        for user, rule in standing.items():
            name = user.email.partition("@")[0]
            self.clients[name] = rule, self._browser(user)
            self.clients[f"{name}'s program"] = rule, self._program(user)
        self.clients["a program with a wrong token"] = Rule.ANYBODY, self._client("ondol_wrong")

    def keys(self):
        """Return numbers that mean something somewhere, and one that means nothing."""
        token = ApiToken.objects.get(user=self.alice).pk
        return dict.fromkeys([self.alice.pk, self.bob.pk, token, NOBODY])

    def _browser(self, user):
        User.objects.filter(pk=user.pk).update(language="en")
        client = Client(raise_request_exception=False)
        sign_in(client, user)
        return client

    def _program(self, user):
        return self._client(self.tokens[user.pk])

    def _client(self, token):
        return Client(raise_request_exception=False, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def people(db):
    return People()


def ask(client, route, method, key, **headers):
    """Ask with all that a form or a program could send."""
    if route.is_api:
        return client.generic(method, route.path(key), json.dumps(EVERYTHING), "application/json", headers=headers)
    if method == "POST":
        return client.post(route.path(key), EVERYTHING, headers=headers)
    return client.generic(method, route.path(key), headers=headers)


def is_turned_away(answer):
    """Return whether somebody was sent away: by a refusal, or to where they sign in or see how they stand."""
    if answer.status_code in {301, 302}:
        return answer.url == "/" or answer.url.startswith("/accounts/login/")
    return answer.status_code in {401, 403, 404, 405}


def written(queries):
    """Return the statements that change something besides the bookkeeping."""
    changes = [q["sql"] for q in queries if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    return [sql for sql in changes if not any(words in sql[:80] for words in BOOKKEEPING)]


@pytest.mark.timeout(300)  # six thousand requests
def test_whoever_may_not_is_turned_away_and_changes_nothing(people, record_property):
    cells, wrong = 0, []
    for route, (name, (rank, client)) in product(routes(), people.clients.items()):
        if rank >= RULE_OF[route.pattern]:
            continue
        keys = people.keys() if "<int:" in route.pattern else [NOBODY]
        for method, key in product(METHODS, keys):
            with CaptureQueriesContext(
                connection,
            ) as asked:
                answer = ask(client, route, method, key)
            cells += 1
            shown = route.pattern == "" and method == "GET"  # the dashboard says how somebody stands
            if not (shown or is_turned_away(answer)) or written(asked.captured_queries):
                wrong.append((name, method, route.path(key), answer.status_code, written(asked.captured_queries)))
    assert not wrong, "\n".join(map(str, wrong))
    record_property("told", f"who may: {cells} requests to {len(routes())} addresses by people who may not; 0 let in")


def test_whoever_may_is_let_in_and_nothing_of_it_is_kept_by_the_browser(people):
    for route, (name, (rank, client)) in product(routes(), list(people.clients.items())):
        if rank < RULE_OF[route.pattern] or route.name in LEADS_ELSEWHERE:
            continue
        if name.endswith("program") and not route.is_api:
            continue
        answer = ask(client, route, "GET", people.bob.pk)
        assert answer.status_code not in {401, 403, 500}, (name, route, answer.status_code)
        is_for_others = answer.status_code == 302 and answer.url.startswith("/accounts/login/")
        assert not is_for_others or RULE_OF[route.pattern] is Rule.ANYBODY, (name, route)
        is_kept = "no-store" not in answer.headers.get("Cache-Control", "")
        assert not is_kept or answer.status_code != 200 or RULE_OF[route.pattern] is Rule.ANYBODY, (name, route)


def rights():
    """Return what decides about anybody's rights, and whose each thing is."""
    people = User.objects.exclude(email="mallory@example.org").order_by("pk")
    return (
        list(people.values_list("pk", "email", "role", "approval", "is_active", "password")),
        list(Instance.objects.order_by("pk").values_list("pk", "owner")),
        list(ApiToken.objects.order_by("pk").values_list("pk", "user", "digest")),
        list(SshKey.objects.order_by("pk").values_list("instance", "fingerprint")),
    )


def test_bob_becomes_nothing_by_fields_that_no_form_has_and_touches_nothing_of_alice(people, record_property):
    before, tried = rights(), 0
    for route, name in product(routes(), ("nobody", "bob", "bob's program")):
        if RULE_OF[route.pattern] is Rule.ADMINISTRATOR or route.name == "account_logout":
            continue
        keys = people.keys() if "<int:" in route.pattern else [NOBODY]
        for method, key in product(("POST", "DELETE") if route.is_api else ("POST",), keys):
            client = people.clients[name][1]
            if name == "bob":
                sign_in(client, people.bob)  # whatever a page before has done to his session
            assert ask(client, route, method, key).status_code < 500, (route, name, method)
            tried += 1
            mine, after = [t for t in before[2] if t[1] != people.bob.pk], rights()
            assert after[:2] + after[3:] == before[:2] + before[3:], (route, name, method, key)
            assert [t for t in after[2] if t[1] != people.bob.pk] == mine, (route, name, method, key)
    assert not User.objects.filter(email="mallory@example.org").exclude(role=Role.MEMBER, approval=Approval.PENDING)
    record_property(
        "told", f"who may: {tried} requests with fields of rights and other people's keys; 0 rights changed"
    )


def test_a_header_makes_no_change_of_a_look(people):
    before = rights()
    for route, other in product(routes(), ("POST", "DELETE")):
        _, client = people.clients["alice's program" if route.is_api else "alice"]
        with CaptureQueriesContext(connection) as asked:
            answer = ask(client, route, "GET", people.bob.pk, **dict.fromkeys(OVERRIDES, other))
        assert route.name == "account_logout" or not written(asked.captured_queries), (route, answer.status_code)
        sign_in(people.clients["alice"][1], people.alice)
    assert rights() == before
