"""A machine's life, as DescribeInstances shows it."""

import re

import pytest

from trial import Machine, Trial, refused, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def minho(cloud: Trial) -> Machine:
    return cloud.machine("minho", ClientToken="minhos-launch")


def test_stop_and_start(cloud: Trial, minho: Machine) -> None:
    before = minho.describe()
    assert re.fullmatch(r"127\.(?!0\.)\d+\.\d+\.\d+", before["PublicIpAddress"])
    assert "StateReason" not in before

    # A process that ignores TERM makes the stopping last for a second.
    minho.says(
        "nohup sh -c 'trap \"\" TERM; echo ready; while :; do sleep 1; done' > up 2>&1 & "
        "until grep -q ready up; do sleep 0.1; done"
    )
    answer = cloud.ec2.stop_instances(InstanceIds=[minho.id])["StoppingInstances"][0]
    assert (answer["PreviousState"]["Name"], answer["CurrentState"]["Name"]) == ("running", "stopping")
    assert refused(cloud.ec2.start_instances, InstanceIds=[minho.id]) == "IncorrectInstanceState"
    minho.wait_for("stopped")

    stopped = minho.describe()
    assert "PublicIpAddress" not in stopped
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert re.fullmatch(r"User initiated \(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d GMT\)", stopped["StateTransitionReason"])
    assert stopped["PrivateIpAddress"] == before["PrivateIpAddress"]
    again = cloud.ec2.stop_instances(InstanceIds=[minho.id])["StoppingInstances"][0]
    assert (again["PreviousState"]["Name"], again["CurrentState"]["Name"]) == ("stopped", "stopped")

    cloud.ec2.modify_instance_attribute(InstanceId=minho.id, InstanceType={"Value": "t3.medium"})
    minho.start()
    after = minho.describe()
    assert after["PublicIpAddress"] != before["PublicIpAddress"]
    assert after["LaunchTime"] > before["LaunchTime"]
    assert (after["InstanceType"], after["StateTransitionReason"]) == ("t3.medium", "")


def test_the_type_of_a_running_machine_cannot_be_changed(cloud: Trial, minho: Machine) -> None:
    minho.wait_for("running")
    words = {"InstanceId": minho.id, "InstanceType": {"Value": "t3.small"}}
    assert refused(cloud.ec2.modify_instance_attribute, **words) == "IncorrectInstanceState"


def test_status_checks_are_ok_after_a_while(cloud: Trial, yuna: Machine) -> None:
    def status() -> str:
        (shown,) = cloud.ec2.describe_instance_status(InstanceIds=[yuna.id])["InstanceStatuses"]
        return str(shown["InstanceStatus"]["Status"])

    assert status() in ("initializing", "ok")
    until(lambda: status() == "ok")


def test_a_protected_machine_is_not_terminated(cloud: Trial, minho: Machine) -> None:
    cloud.ec2.modify_instance_attribute(InstanceId=minho.id, DisableApiTermination={"Value": True})
    assert refused(cloud.ec2.terminate_instances, InstanceIds=[minho.id]) == "OperationNotPermitted"
    cloud.ec2.modify_instance_attribute(InstanceId=minho.id, DisableApiTermination={"Value": False})


def test_one_wrong_id_stops_nobody(cloud: Trial, minho: Machine) -> None:
    ids = [minho.id, "i-00000000000000000"]
    assert refused(cloud.ec2.stop_instances, InstanceIds=ids) == "InvalidInstanceID.NotFound"
    assert minho.state == "running"


def test_poweroff_from_inside_stops_the_machine(minho: Machine) -> None:
    minho.ssh("sudo poweroff")
    minho.wait_for("stopped")
    assert minho.describe()["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    minho.start()


def test_reboot_keeps_the_address_and_ends_the_processes(cloud: Trial, minho: Machine) -> None:
    address = minho.address
    minho.says("nohup sleep 600 > /dev/null 2>&1 & echo $! > pid")
    cloud.ec2.reboot_instances(InstanceIds=[minho.id])
    until(lambda: minho.ssh("test ! -e /proc/$(cat pid) && echo gone").stdout.strip() == "gone")
    assert minho.address == address


def test_the_end(cloud: Trial, minho: Machine) -> None:
    volume = minho.describe()["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    minho.terminate()
    shown = minho.describe()
    assert not {"VpcId", "SubnetId", "PrivateIpAddress", "PublicIpAddress"} & set(shown)
    assert (shown["NetworkInterfaces"], shown["BlockDeviceMappings"]) == ([], [])
    assert refused(cloud.ec2.describe_volumes, VolumeIds=[volume]) == "InvalidVolume.NotFound"
    assert refused(cloud.ec2.start_instances, InstanceIds=[minho.id]) == "IncorrectInstanceState"
    cloud.ec2.terminate_instances(InstanceIds=[minho.id])
    cloud.ec2.delete_security_group(GroupId=minho.group_id)
    until(lambda: not minho.folder.exists())


def test_the_token_of_a_terminated_machine_is_used_up(cloud: Trial, minho: Machine) -> None:
    """The request has to be the very same, so the group is named although it has gone."""
    order = cloud.order("minho", minho.group_id, ClientToken="minhos-launch")
    assert refused(cloud.ec2.run_instances, **order) == "IdempotentInstanceTerminated"
