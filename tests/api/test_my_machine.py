"""One's own machine over the API."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ondol import clock
from ondol.api.deprecated import OLD_VOLUME
from ondol.autostop.models import CpuReading
from ondol.deployment import health
from ondol.instances.models import Instance, SshKey
from ondol.instances.states import Reason, Status
from tests.api.caller import refusal
from tests.instances.keys import PEM, keep

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def mine(program):
    return Instance.objects.get(owner=program.user)


# --- looking ---------------------------------------------------------------------------------------------------------
def test_without_a_machine_there_is_none(alice):
    response = alice.get("/instances/status")
    assert (response.status_code, response.json()) == (200, {"instance": None})
    assert response.headers["Cache-Control"] == "no-store"


def test_alice_sees_everything_about_her_machine(alice, machine):
    row = machine(
        alice,
        status_reason=Reason.DONE,
        status_since=NOON,
        instance_id="i-0123456789abcdef0",
        ami_id="ami-0a10c3b5f2d4e6002",
        public_ip="203.0.113.17",
        private_ip="10.20.0.4",
        ipv6_address="2001:db8:0:14::4",
        key_pair_name="ondol-1-abc",
        launched_at=NOON,
        armed_at=NOON,
        warm_up_minutes=40,
        alarm_verified_at=NOON + timedelta(minutes=41),
        created_at=NOON,
    )
    shown = alice.get("/instances/status").json()["instance"]
    assert shown == {
        "id": str(row.pk),
        "instance_id": "i-0123456789abcdef0",
        "status": "RUNNING",
        "status_reason": "DONE",
        "status_since": "2026-01-05T12:00:00Z",
        "instance_type": "t3.small",
        "public_ip": "203.0.113.17",
        "launched_at": "2026-01-05T12:00:00Z",
        "stopped_at": None,
        "created_at": "2026-01-05T12:00:00Z",
        "private_ip": "10.20.0.4",
        "ipv6_address": "2001:db8:0:14::4",
        "volume_gib": 30,
        "ami_id": "ami-0a10c3b5f2d4e6002",
        "ssh_user": "ubuntu",
        "ssh_port": 22,
        "ssh_command": f"ssh -i ~/.ssh/ondol-alice-{_short()}.pem -o IdentitiesOnly=yes -p 22 ubuntu@203.0.113.17",
        "key_pair_name": "ondol-1-abc",
        "key": None,
        "key_replacement": None,
        "auto_stop": {
            "armed": True,
            "armed_at": "2026-01-05T12:00:00Z",
            "idle_minutes": 30,
            "core_percent": 10.0,
            "cpu_percent": 5.0,
            "earliest_at": "2026-01-05T12:40:00Z",
            "lease_until": None,
            "checked_at": "2026-01-05T12:41:00Z",
            "forecast": None,
        },
        "awake_until": None,
        "closes_at": None,
        "unconfirmed_since": None,
        "throttled_to_percent": None,
        "substitute_type": None,
        "reference": None,
        OLD_VOLUME: 30,
    }


def test_alice_is_told_when_her_machine_would_stop(alice, machine):
    row = machine(
        alice, launched_at=NOON, armed_at=NOON, warm_up_minutes=40, armed_idle_minutes=30, armed_cpu_percent=5
    )
    forecast = alice.get("/instances/status").json()["instance"]["auto_stop"]["forecast"]
    earliest, latest = (datetime.fromisoformat(forecast[key]) for key in ("earliest_at", "latest_at"))
    assert latest - earliest >= timedelta(minutes=5)
    assert forecast["is_active"] is False
    CpuReading.objects.create(instance=row, at=clock.now() - timedelta(minutes=5), percent=60)
    assert alice.get("/instances/status").json()["instance"]["auto_stop"]["forecast"]["is_active"] is True


def test_alice_is_told_since_when_all_this_is_unconfirmed(alice, machine):
    machine(alice)
    health.confirm(NOON)
    assert alice.get("/instances/status").json()["instance"]["unconfirmed_since"] == "2026-01-05T12:00:00Z"
    health.confirm(clock.now())
    assert alice.get("/instances/status").json()["instance"]["unconfirmed_since"] is None


def test_an_alarm_of_an_earlier_run_is_not_armed(alice, machine):
    machine(alice, launched_at=NOON, armed_at=NOON - timedelta(hours=1), warm_up_minutes=40)
    rule = alice.get("/instances/status").json()["instance"]["auto_stop"]
    assert (rule["armed"], rule["armed_at"], rule["earliest_at"]) == (False, None, None)


def test_a_machine_at_rest_has_no_address_to_connect_to(alice, machine):
    machine(alice, Status.STOPPED, stopped_at=NOON, public_ip=None)
    shown = alice.get("/instances/status").json()["instance"]
    assert (shown["public_ip"], shown["ssh_command"]) == (None, None)
    assert shown["stopped_at"] == "2026-01-05T12:00:00Z"


def test_after_a_failure_there_is_a_reference_and_no_text_of_aws(alice, machine):
    machine(alice, Status.FAILED, error_code="UnauthorizedOperation", error_ref="7KQ4MX2P")
    response = alice.get("/instances/status")
    assert response.json()["instance"]["reference"] == "7KQ4MX2P"
    assert b"UnauthorizedOperation" not in response.content


def test_an_ended_machine_is_history(alice, machine):
    machine(alice, Status.TERMINATED)
    assert alice.get("/instances/status").json() == {"instance": None}


def test_bob_does_not_see_alices_machine(alice, bob, machine):
    machine(alice)
    assert bob.get("/instances/status").json() == {"instance": None}
    refusal(bob.post("/instances/stop"), 404)
    assert mine(alice).status == "RUNNING"


def test_a_look_is_a_handful_of_queries(alice, machine):
    machine(alice)
    alice.get("/instances/status")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        alice.get("/instances/status")
    asked = [
        query["sql"] for query in queries if "ondol_cache_entry" not in query["sql"] and "SAVEPOINT" not in query["sql"]
    ]
    assert len(asked) == 5, asked


# --- wishes ----------------------------------------------------------------------------------------------------------
def test_a_machine_is_asked_for_once(alice):
    first, second = alice.post("/instances"), alice.post("/instances")
    assert first.status_code == second.status_code == 202
    assert first.json()["instance"]["status"] == "PENDING"
    assert first.json()["instance"]["id"] == second.json()["instance"]["id"]


def test_a_second_machine_is_refused(alice, machine):
    machine(alice, Status.STOPPED)
    error = refusal(alice.post("/instances"), 409)
    assert error["code"] == "already_there"
    assert error["hint"] == "Each person has one. Start it instead."


@pytest.mark.parametrize(
    ("wish", "before", "after"),
    [("start", Status.STOPPED, "STARTING"), ("start", Status.RUNNING, "RUNNING"),
     ("stop", Status.RUNNING, "STOPPING"), ("stop", Status.STOPPED, "STOPPED")],
)  # fmt: skip
def test_a_wish_is_accepted(alice, machine, wish, before, after):
    machine(alice, before)
    response = alice.post(f"/instances/{wish}")
    assert response.status_code == 202
    assert response.json()["instance"]["status"] == mine(alice).status == after


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [("start", Status.STOPPING, "stopping"), ("start", Status.TERMINATING, "terminating"),
     ("start", Status.FAILED, "failed"), ("stop", Status.PENDING, "starting"), ("stop", Status.FAILED, "failed")],
)  # fmt: skip
def test_a_wish_that_does_not_fit_is_a_conflict(alice, machine, wish, status, code):
    machine(alice, status)
    assert refusal(alice.post(f"/instances/{wish}"), 409)["code"] == code


@pytest.mark.parametrize("wish", ["start", "stop"])
def test_without_a_machine_there_is_nothing_to_start_or_stop(alice, wish):
    assert refusal(alice.post(f"/instances/{wish}"), 404)["code"] == "no_machine"


# --- the key ---------------------------------------------------------------------------------------------------------
def _short():
    return str(Instance.objects.get().pk)[:8]


@pytest.fixture
def sealed(alice, machine):
    row = machine(alice)
    keep(row)


@pytest.mark.usefixtures("sealed")
def test_the_key_is_a_file_that_nothing_keeps(alice):
    response = alice.post("/instances/ssh-key")
    assert (response.status_code, response.content.decode()) == (200, PEM)
    assert response.headers["Content-Type"] == "text/plain; charset=us-ascii"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Disposition"] == f'attachment; filename="ondol-alice-{_short()}.pem"'


@pytest.mark.usefixtures("sealed")
def test_putty_gets_its_own_form(alice):
    response = alice.post("/instances/ssh-key?format=ppk")
    assert response.content.startswith(b"PuTTY-User-Key-File-2: ssh-rsa\n")
    assert response.headers["Content-Disposition"] == f'attachment; filename="ondol-alice-{_short()}.ppk"'
    assert refusal(alice.post("/instances/ssh-key?format=der"), 422)["hint"].startswith("format: ")


@pytest.mark.usefixtures("sealed")
def test_nobody_else_gets_alices_key(ada, bob):
    for other in (ada, bob):
        assert refusal(other.post("/instances/ssh-key"), 404)["code"] == "no_key"


@pytest.mark.usefixtures("sealed")
def test_a_link_does_not_fetch_the_key(alice):
    refusal(alice.get("/instances/ssh-key"), 405)


def test_a_key_that_cannot_be_opened_is_kept(alice, machine):
    row = machine(alice)
    SshKey.objects.create(instance=row, key_pair_name="k", sealed_private_key=b"\x02lost" + bytes(60))
    response = alice.post("/instances/ssh-key")
    assert refusal(response, 503)["code"] == "sealed"
    assert response.headers["Retry-After"] == "5"
