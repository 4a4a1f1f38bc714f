"""Observing takes few calls for all machines together, and one that fails or comes late holds up nobody."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from ondol import clock
from ondol.cloud.errors import Refused, Throttled, Unreachable
from ondol.deployment import health
from ondol.deployment.models import Deployment
from ondol.instances import actions
from ondol.instances.models import Instance, Run
from ondol.instances.states import Status
from ondol.reconciler import observe, seen
from ondol.testing.fake import FakeCloud
from tests.instances.rig import made, person


def test_many_people_cost_one_look(rig):
    for number in range(12):
        actions.create(person(f"p{number}"))
    rig.work()
    rig.cloud.calls.clear()
    Instance.objects.update(seen_at=clock.now() - timedelta(seconds=30))
    observe.observe_changing(rig.cloud)
    assert [call.operation for call in rig.cloud.calls] == ["ec2_instances"]


def test_nobody_waiting_costs_nothing(rig, alice):
    rig.running(alice)
    rig.cloud.calls.clear()
    observe.observe_changing(rig.cloud)
    assert rig.cloud.calls == []


def test_a_machine_that_moves_as_is_known_is_not_asked_about_again(rig, alice):
    instance = rig.running(alice)
    rig.cloud.world.start_outside(instance.instance_id)
    observe.observe(rig.cloud)
    rig.cloud.calls.clear()
    observe.observe(rig.cloud)
    assert [call.operation for call in rig.cloud.calls] == ["ec2_instances", "moving"]


def test_a_call_for_what_moves_that_fails_holds_up_nothing(rig, alice):
    rig.running(alice)
    rig.cloud.next_error["moving"] = [Unreachable("timeout")]
    observe.observe(rig.cloud)
    assert rig.cloud.asked("moving") == 1


def test_where_nothing_is_nothing_is_asked(rig, alice):
    observe.observe(rig.cloud)
    assert rig.cloud.calls == []


def test_a_new_address_is_told_once(rig, alice):
    instance = rig.running(alice)
    assert not actions.tell_address(instance)
    actions.stop(alice)
    rig.work()
    rig.tick()
    actions.start(alice)
    rig.work()
    rig.tick(2)
    assert rig.mine(alice).public_ip != instance.public_ip
    assert actions.tell_address(instance)
    assert not actions.tell_address(instance)


def test_an_ipv6_address_is_kept_until_the_end(rig, alice):
    instance = rig.running(alice)
    assert instance.ipv6_address is None
    launched = rig.cloud.world.ec2_instances[instance.instance_id]
    launched.value = replace(launched.value, ipv6_address="2001:db8:0:14::4")
    Deployment.objects.update(looked_at=clock.now() - observe.ALL_EVERY)
    rig.tick()
    assert rig.mine(alice).ipv6_address == "2001:db8:0:14::4"
    actions.stop(alice)
    rig.work()
    rig.tick()
    assert (rig.mine(alice).public_ip, rig.mine(alice).ipv6_address) == (None, "2001:db8:0:14::4")
    actions.terminate(alice, by=person("ada", admin=True))
    rig.work()
    rig.tick(2)
    instance.refresh_from_db()
    assert (instance.status, instance.ipv6_address) == ("TERMINATED", None)


# --- who looks, and what counts --------------------------------------------------------------------------------------
def test_of_two_workers_one_looks_at_all(rig, alice):
    Deployment.objects.update(looked_at=clock.now() - observe.ALL_EVERY)
    assert [observe.is_time_for_all(), observe.is_time_for_all()] == [True, False]


@pytest.mark.django_db(transaction=True)
def test_two_looks_at_the_same_machines_do_not_wait_for_each_other(machines_clock):
    """One sees all, another those that change, each in the order in which PostgreSQL finds them."""
    pks = [made(person(f"p{number}"), status=Status.RUNNING, seen_view="running").pk for number in range(4)]
    at = clock.now() + timedelta(seconds=1)
    with transaction.atomic():
        Instance.objects.filter(pk=pks[2]).update(seen_at=at)
        with ThreadPoolExecutor(1) as thread:
            thread.submit(_seen_again, pks, at).result(timeout=20)
    assert Instance.objects.filter(pk__in=pks, seen_at=at).count() == 4


def _seen_again(pks, at):
    try:
        seen.seen_again(Instance.objects.filter(pk__in=pks), at)
    finally:
        connection.close()


def test_a_job_that_comes_each_half_minute_looks_each_time_though_some_come_a_little_late(rig, machines_clock):
    noon = datetime(2027, 3, 1, 12, tzinfo=UTC)
    looked = []
    for seconds in (0.8, 30.1, 40, 60.7):
        machines_clock.freeze(noon + timedelta(seconds=seconds))
        looked.append(observe.is_time_for_all())
    assert looked == [True, True, False, True]


def test_a_late_look_does_not_hide_what_an_act_has_brought(rig, alice):
    rig.running(alice)
    actions.stop(alice)
    before = rig.cloud.ec2_instances()
    Instance.objects.update(private_ip=None)  # so that the look has news of its own to write

    def meanwhile():
        rig.work()

    rig.cloud.meanwhile["ec2_instances"] = meanwhile
    rig.cloud.ec2_instances = lambda rows=None: (FakeCloud.ec2_instances(rig.cloud, rows), before)[1]
    observe.observe_changing(rig.cloud)
    assert rig.mine(alice).seen_view == "stopping"


def test_a_row_that_is_put_off_is_not_asked_for_again_and_again(rig, alice):
    rig.cloud.next_error["create_group"] = [Unreachable("timeout")] * 3
    actions.create(alice)
    rig.work()
    for _ in range(3):
        observe.observe_all(rig.cloud)
        rig.work()
    assert rig.cloud.asked("create_group") == 1


# --- a look that fails ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("operation", ["checks_passed", "alarms"])
def test_one_refused_look_holds_nobody_up(rig, alice, operation):
    bob = person("bob")
    rig.running(bob)
    Run.objects.update(armed_at=clock.now() - timedelta(seconds=90))
    rig.ssh = False
    actions.create(alice)
    rig.work()
    rig.tick(2)
    Instance.objects.filter(owner=alice).update(seen_since=clock.now() - timedelta(minutes=5))
    actions.stop(bob)
    rig.work()
    rig.cloud.world.settle()
    rig.cloud.next_error[operation] = [Refused("UnauthorizedOperation")] * 9
    for _ in range(2):
        Instance.objects.update(next_at=None)
        with contextlib.suppress(Refused):
            observe.observe_all(rig.cloud)
        rig.work()
    assert (rig.mine(bob).status, rig.mine(alice).status) == ("STOPPED", "RUNNING")


@pytest.mark.parametrize("looks_at", [observe.observe_changing, observe.observe_all])
def test_what_is_due_does_not_wait_for_a_look_that_fails(rig, alice, looks_at):
    rig.cloud.next_error["launch"] = [Throttled("RequestLimitExceeded")]
    actions.create(alice)
    rig.work()
    Instance.objects.update(next_at=None)
    rig.cloud.next_error["ec2_instances"] = [Unreachable("Unavailable")]
    with pytest.raises(Unreachable):
        looks_at(rig.cloud)
    rig.work()
    assert len(rig.live(alice)) == 1


def test_a_clock_that_ran_ahead_blinds_nobody(rig, alice):
    instance = rig.running(alice)
    ahead = clock.now() + timedelta(days=30)
    Deployment.objects.update(looked_at=ahead)
    Instance.objects.update(seen_at=ahead)
    rig.cloud.world.stop_outside(instance.instance_id)
    rig.cloud.world.settle()
    assert observe.is_time_for_all()
    observe.observe_all(rig.cloud)
    rig.work()
    assert rig.mine(alice).status == "STOPPED"


# --- is it confirmed? ------------------------------------------------------------------------------------------------
def test_what_is_shown_is_confirmed_while_aws_answers(rig, alice, machines_clock):
    rig.running(alice)
    assert health.unconfirmed_since() is None
    health.note_trouble("Unreachable", "EndpointConnectionError")
    seen = Deployment.objects.get().confirmed_at
    machines_clock.set(seen + timedelta(minutes=2))
    assert health.unconfirmed_since() == seen
    observe.observe_all(rig.cloud)
    assert health.unconfirmed_since() is None
    assert Deployment.objects.get().trouble == "Unreachable", "its alarms may still be unanswered for"
    health.trouble_is_over()
    assert Deployment.objects.get().trouble == ""
