"""What a token may be used for: each operation has one scope, and a token does nothing without it, or after its end."""

import re
from datetime import UTC, datetime

import pytest
from django.urls.resolvers import RoutePattern

from ondol.accounts.models import ApiToken, Scope
from ondol.api.routes import api
from ondol.api.scopes import SCOPES
from ondol.instances.models import Instance
from tests.api.caller import Program, refusal
from tests.tokens import token_of

OPEN = {"/api/openapi.json", "/api/"}
"""The addresses that need no sign-in: the description, and ninja's root, which is no page."""


def test_each_operation_has_one_scope_and_no_other_is_in_the_table(nobody):
    """Those that the description has, and all addresses that there are."""
    described = nobody.get("/openapi.json").json()["paths"]
    assert set(SCOPES) == {f"{method.upper()} {path}" for path, methods in described.items() for method in methods}
    routes = {f"/api/{one.pattern}" for one in api.urls[0] if isinstance(one.pattern, RoutePattern)}
    assert {re.sub(r"<int:(\w+)>", r"{\1}", route) for route in routes} - OPEN == set(described)
    assert len(SCOPES) > 8
    assert set(SCOPES.values()) == set(Scope)


def program(owner, *scopes):
    """Return a program whose token has these scopes."""
    token = token_of(owner.user, "test", scopes)
    return Program(headers={"Authorization": f"Bearer {token}", "Accept-Language": "en"})


def ask(program, operation, whom):
    method, path = operation.split()
    return program.call(method, path.removeprefix("/api").format(user_id=whom.user.pk, number=1))


def test_a_token_does_nothing_without_the_scope_and_says_which_one_is_needed(ada, bob, carol, machine):
    machine(bob)
    refused = 0
    for operation, needed in SCOPES.items():
        others = [scope for scope in Scope if scope != needed]
        for scopes in (others, others[:1], others[1:]):
            answer = ask(program(ada, *scopes), operation, bob)
            error = refusal(answer, 403)
            assert error["code"] == "insufficient_scope"
            assert f"“{needed}”" in error["message"]
            assert answer.headers["WWW-Authenticate"] == (
                f'Bearer realm="ondol", error="insufficient_scope", scope="{needed}"'
            )
            refused += 1
        ApiToken.objects.filter(user=ada.user).delete()
    assert refused == 3 * len(SCOPES)
    bob.user.refresh_from_db()
    assert bob.user.is_approved
    assert Instance.objects.get().status == "RUNNING"


def test_a_token_with_the_scope_does_what_its_owner_may(ada, bob, carol, machine):
    machine(bob)
    for operation, needed in SCOPES.items():
        answer = ask(program(ada, needed), operation, bob)
        assert answer.status_code != 401
        assert b"insufficient_scope" not in answer.content
    bob.user.refresh_from_db()
    assert not bob.user.is_approved


def test_no_scope_makes_a_member_an_administrator(ada, bob):
    """Ada was one when she made the token."""
    hers = program(ada, *Scope)
    type(ada.user).objects.filter(pk=ada.user.pk).update(role="MEMBER")
    for operation, needed in SCOPES.items():
        if needed == Scope.ADMINISTRATE:
            assert refusal(ask(hers, operation, bob), 403)["code"] == "not_admin"


def test_an_expired_token_opens_nothing_and_says_so(ada, bob):
    ended = program(ada, *Scope)
    ApiToken.objects.filter(user=ada.user).update(expires_at=datetime.now(UTC))
    for operation in SCOPES:
        answer = ask(ended, operation, bob)
        error = refusal(answer, 401)
        assert error["code"] == "token_expired"
        assert error["message"] == "This token has expired."
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    ApiToken.objects.all().delete()
    assert refusal(ask(ended, "GET /api/costs", bob), 401)["code"] == "not_signed_in"


@pytest.mark.parametrize(
    ("proxies", "headers", "noted"),
    [
        (0, {}, "192.0.2.7"),
        (0, {"X-Forwarded-For": "203.0.113.5"}, "192.0.2.7"),
        (1, {"X-Forwarded-For": "203.0.113.5"}, "203.0.113.5"),
        (1, {"X-Forwarded-For": "10.9.9.9, 203.0.113.5"}, "203.0.113.5"),
        (1, {"X-Forwarded-For": "2001:db8::1"}, "2001:db8::1"),
        (1, {"X-Forwarded-For": "<script>"}, None),
        (1, {"X-Forwarded-For": "203.0.113.5:4711"}, "203.0.113.5"),
        (1, {}, "192.0.2.7"),
    ],
)
def test_its_last_use_is_noted_with_the_address(ada, settings, proxies, headers, noted):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    one = program(ada, Scope.READ)
    one.client.defaults["REMOTE_ADDR"] = "192.0.2.7"
    assert one.get("/costs", **headers).status_code == 200
    assert ApiToken.objects.get(used_at__isnull=False).used_from == noted
