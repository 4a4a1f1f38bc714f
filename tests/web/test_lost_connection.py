"""PostgreSQL ends the connection at any statement of a click: who clicked is told so, and nothing is half done."""

import json
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from ondol import clock
from ondol.accounts.models import Approval, Role, User
from ondol.instances.models import Instance, StatusChange
from ondol.instances.states import Status
from tests.api.caller import Program, person
from tests.committed import committed  # noqa: F401  a fixture
from tests.instances.rig import made
from tests.web.browser import sign_in

pytestmark = pytest.mark.usefixtures("committed")
DONE = {200, 202, 204, 302}


@dataclass
class Browser:
    """A browser in which somebody has just signed in."""

    user: User
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def __post_init__(self):
        sign_in(self.client, self.user)

    def post(self, path, form):
        return self.client.post(path, form)


@dataclass
class End:
    """Ends the connection in front of the n-th statement."""

    n: int
    seen: int = 0

    @property
    def has_come(self):
        return self.seen >= self.n

    def __call__(self, execute, sql, params, many, context):
        self.seen += 1
        if self.seen == self.n:
            end_connection()
        return execute(sql, params, many, context)


def end_connection():
    known = {"host", "port", "dbname", "user", "password"}
    way = {name: value for name, value in connection.get_connection_params().items() if name in known}
    with psycopg.connect(**way) as other:
        told = other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])
        assert told.fetchone() == (True,)


def state():
    """Return what these clicks change."""
    return (
        [*Instance.objects.values_list("owner__email", "status", "run__awake_until")],
        [*StatusChange.objects.order_by("pk").values_list("instance__owner__email", "new")],
        [*User.objects.order_by("pk").values_list("email", "approval")],
    )


def in_an_hour():
    return json.dumps({"until": (clock.now() + timedelta(hours=1)).isoformat()})


def alone(kind):
    return kind(person("alice"))


def owner_of(status):
    def owner(kind):
        made(person("alice"), status=status)
        return kind(User.objects.get(email="alice@example.org"))

    return owner


def administrator(kind):
    person("carol", Approval.PENDING)
    return kind(person("ada", role=Role.ADMIN))


CLICKS = [
    (Program, alone, "/instances", None),
    (Program, owner_of(Status.RUNNING), "/instances/stop", None),
    (Program, owner_of(Status.STOPPED), "/instances/start", None),
    (Program, owner_of(Status.RUNNING), "/instances/keep-awake", in_an_hour),
    (Program, administrator, "/admin/users/{carol}/approve", '{"vouches": true}'),
    (Browser, alone, "/machine/create/", {}),
    (Browser, owner_of(Status.RUNNING), "/machine/stop/", {}),
    (Browser, owner_of(Status.STOPPED), "/machine/start/", {}),
    (Browser, owner_of(Status.RUNNING), "/machine/awake/", {"until": "1h"}),
    (Browser, administrator, "/admin/people/{carol}/approve/", {"vouches": "on"}),
]
IDS = [path.strip("/").replace("/", "-") for _kind, _prepare, path, _body in CLICKS]


@pytest.mark.parametrize(("kind", "prepare", "path", "body"), CLICKS, ids=IDS)
def test_a_connection_lost_at_any_statement_is_told_and_nothing_is_half_done(kind, prepare, path, body):
    who = prepare(kind)
    path = path.format(carol=User.objects.filter(email="carol@example.org").values_list("pk", flat=True).first())
    body = body() if callable(body) else body
    before, told = state(), []
    while state() == before:
        cache.clear()
        end = End(len(told) + 1)
        with connection.execute_wrapper(end):
            answer = who.post(path, body)
        connection.close()
        if not end.has_come:
            break
        assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "5"), (end.n, answer.content[:200])
        told.append(answer.status_code)
    assert len(told) > 5
    more = [len(now) - len(then) for now, then in zip(state(), before, strict=True)]
    assert more in ([1, 1, 0], [0, 1, 0], [0, 0, 0])
    assert state() != before
