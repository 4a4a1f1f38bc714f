"""What the fake can do besides keeping the contract: fail, lose answers, lag, and change things without Ondol."""

from dataclasses import replace
from threading import Barrier, Thread

import pytest

from ondol.cloud.errors import NoCapacity, Unreachable
from ondol.cloud.port import InstanceState
from ondol.testing.fake import FakeCloud, Lost
from tests.cloud.grounds import InMemory, token


@pytest.fixture
def ground():
    return InMemory()


def test_errors_come_in_the_order_given(ground, cloud, alice):
    order = ground.order(alice)
    cloud.next_error["launch"] = [NoCapacity("InsufficientInstanceCapacity"), None, Unreachable("500")]
    with pytest.raises(NoCapacity):
        cloud.launch(order, token(alice))
    assert cloud.ec2_instances() == []
    cloud.launch(order, token(alice))
    with pytest.raises(Unreachable):
        cloud.launch(order, token(alice))
    assert cloud.asked("launch") == 3


def test_an_answer_may_be_lost_after_the_effect(ground, cloud, alice):
    order = ground.order(alice)
    cloud.next_error["launch"] = [Lost(Unreachable("ReadTimeoutError"))]
    with pytest.raises(Unreachable):
        cloud.launch(order, token(alice))
    assert [server.client_token for server in cloud.ec2_instances()] == [token(alice)]


def test_what_was_just_made_may_not_be_shown_yet(ground, cloud, alice):
    cloud.lag = 2
    order = ground.order(alice)
    cloud.launch(order, token(alice))
    assert [len(cloud.ec2_instances([alice.row])) for _ in range(3)] == [0, 0, 1]
    assert [cloud.group(alice.resource) for _ in range(3)] == [None, None, order.group_id]
    assert [len(cloud.keys(alice.row)) for _ in range(3)] == [0, 0, 1]


def test_something_may_happen_just_before_a_call(ground, cloud, alice):
    server = ground.running(alice)
    cloud.meanwhile["stop"] = lambda: ground.world.terminate_outside(server.instance_id)
    assert cloud.terminate(server.instance_id) is InstanceState.SHUTTING_DOWN


def test_machines_change_behind_ones_back(ground, cloud, alice):
    running = ground.running(alice)
    ground.world.power_off(running.instance_id)
    assert ground.settle(alice.row).reason_code == "Client.InstanceInitiatedShutdown"
    ground.world.start_outside(running.instance_id)
    assert ground.settle(alice.row).state is InstanceState.RUNNING
    ground.world.stop_outside(running.instance_id)
    assert ground.settle(alice.row).reason_code == "Client.UserInitiatedShutdown"
    ground.world.terminate_outside(running.instance_id)
    assert ground.settle(alice.row).state is InstanceState.TERMINATED
    ground.world.forget(running.instance_id)
    assert cloud.ec2_instances() == []


def test_a_launch_may_be_ended_by_aws(ground, cloud, alice):
    launched = cloud.launch(ground.order(alice), token(alice))
    ground.world.fail_launch(launched.instance_id, "Server.InsufficientInstanceCapacity")
    (server,) = cloud.ec2_instances()
    assert (server.state, server.reason_code) == (InstanceState.TERMINATED, "Server.InsufficientInstanceCapacity")


def test_failing_checks_do_not_pass(ground, cloud, alice):
    server = ground.running(alice)
    assert cloud.checks_passed([server.instance_id]) == {server.instance_id}
    ground.world.failing.add(server.instance_id)
    assert cloud.checks_passed([server.instance_id]) == set()


def test_twenty_threads_with_one_token_get_one_machine(ground, cloud, alice):
    order, barrier, seen = ground.order(alice), Barrier(20), set()

    def launch() -> None:
        barrier.wait()
        seen.add(cloud.launch(order, token(alice)).instance_id)

    threads = [Thread(target=launch) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == len(cloud.ec2_instances()) == 1


def test_the_ledger_tells_who_was_asked_for_what(ground, alice):
    cloud: FakeCloud = ground.cloud
    order = ground.order(alice)
    cloud.launch(replace(order, volume_gib=40), client_token="mine")
    assert [call.operation for call in cloud.calls] == ["create_group", "create_key", "newest_image", "launch"]
    assert cloud.calls[-1].kwargs == {"client_token": "mine"}
