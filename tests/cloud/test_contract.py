"""The port's contract, clause by clause. Whatever stands behind `Cloud` keeps it."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from ondol.cloud.errors import AlreadyThere, Gone, NotYet, Refused, Spent
from ondol.cloud.port import Found, IdleRule, InstanceState, Kind
from ondol.keys.fingerprint import is_of_imported
from tests.cloud.grounds import token

NOBODY = "i-0123456789abcdef0"
NO_DISK = "vol-0123456789abcdef0"
NO_GROUP = "sg-0123456789abcdef0"


# --- launching -------------------------------------------------------------------------------------------------------
def test_alices_machine_is_known_by_her_row_and_token(ground, cloud, alice):
    launched = cloud.launch(ground.order(alice), token(alice))
    assert (launched.state, launched.row) == (InstanceState.PENDING, alice.row)
    assert launched.public_ip is None
    (shown,) = cloud.ec2_instances([alice.row])
    assert (shown.instance_id, shown.client_token) == (launched.instance_id, token(alice))
    assert (shown.instance_type, shown.key_name) == ("t3.small", alice.resource)
    assert shown.launched_at is not None
    assert shown.launched_at.utcoffset() == timedelta(0)


def test_the_same_token_gives_the_same_machine(ground, cloud, alice):
    order = ground.order(alice)
    assert cloud.launch(order, token(alice)).instance_id == cloud.launch(order, token(alice)).instance_id
    assert len(cloud.ec2_instances([alice.row])) == 1


def test_a_token_is_spent_on_another_order(ground, cloud, alice):
    order = ground.order(alice)
    cloud.launch(order, token(alice))
    with pytest.raises(Spent):
        cloud.launch(replace(order, volume_gib=31), token(alice))


def test_a_token_is_spent_when_its_machine_has_ended(ground, cloud, alice):
    order = ground.order(alice)
    cloud.terminate(cloud.launch(order, token(alice)).instance_id)
    ground.settle(alice.row)
    with pytest.raises(Spent):
        cloud.launch(order, token(alice))


def test_a_launch_waits_for_a_group_and_a_key_that_are_not_shown_yet(ground, cloud, alice):
    order = ground.order(alice)
    with pytest.raises(NotYet):
        cloud.launch(replace(order, group_id=NO_GROUP), token(alice))
    with pytest.raises(NotYet):
        cloud.launch(replace(order, key_name="nobody's"), token(alice))


def test_the_newest_image_names_its_root_device(cloud):
    image = cloud.newest_image()
    assert image.image_id.startswith("ami-")
    assert image.root_device.startswith("/dev/")


# --- looking ---------------------------------------------------------------------------------------------------------
def test_only_the_rows_asked_for_are_shown(ground, cloud, alice, bob):
    for person in (alice, bob):
        cloud.launch(ground.order(person), token(person))
    assert {server.row for server in cloud.ec2_instances()} == {alice.row, bob.row}
    assert {server.row for server in cloud.ec2_instances([bob.row])} == {bob.row}
    assert cloud.ec2_instances([]) == []


def test_what_is_about_to_run_or_to_stop_is_told_without_the_rest(ground, cloud, alice, bob):
    for person in (alice, bob):
        cloud.launch(ground.order(person), token(person))
    ground.settle(alice.row)
    instance_id = ground.settle(bob.row).instance_id
    assert cloud.moving() == []
    cloud.stop(instance_id)
    assert [(found.row, found.state) for found in cloud.moving()] == [(bob.row, InstanceState.STOPPING)]
    ground.settle(bob.row)
    assert cloud.moving() == []


def test_another_deployments_things_are_not_shown(ground, cloud, alice):
    neighbour = ground.neighbour
    instance = neighbour.launch(ground.order(alice, neighbour), token(alice))
    neighbour.arm(alice.resource, instance.instance_id, IdleRule(30, 5.0), 40, alice.tags)
    assert cloud.ec2_instances() == cloud.ec2_instances([alice.row]) == []
    assert (cloud.group(alice.resource), cloud.keys(alice.row), cloud.inventory()) == (None, [], [])
    assert cloud.alarms() == cloud.alarms([alice.resource]) == []


def test_status_checks_leave_unknown_machines_out(ground, cloud, alice):
    passed = cloud.checks_passed([ground.stopped(alice).instance_id, NOBODY])
    assert passed == set()
    assert cloud.checks_passed([]) == set()


# --- starting, stopping, ending --------------------------------------------------------------------------------------
def test_alices_machine_gets_an_address_when_it_runs(ground, alice):
    running = ground.running(alice)
    assert running.state is InstanceState.RUNNING
    assert running.public_ip
    assert running.private_ip


def test_a_stop_releases_the_address_and_a_start_brings_another(ground, cloud, alice):
    first = ground.running(alice)
    assert cloud.stop(first.instance_id) is InstanceState.STOPPING
    stopped = ground.settle(alice.row)
    assert (stopped.state, stopped.public_ip) == (InstanceState.STOPPED, None)
    assert stopped.reason_code == "Client.UserInitiatedShutdown"
    assert cloud.start(first.instance_id) is InstanceState.PENDING
    again = ground.settle(alice.row)
    assert again.instance_id == first.instance_id
    assert again.public_ip not in {None, first.public_ip}
    assert again.launched_at >= first.launched_at


def test_what_is_so_already_is_fine(ground, cloud, alice):
    instance_id = ground.running(alice).instance_id
    assert cloud.start(instance_id) is InstanceState.RUNNING
    cloud.stop(instance_id)
    ground.settle(alice.row)
    assert cloud.stop(instance_id) is InstanceState.STOPPED


def test_what_is_on_its_way_has_to_arrive_first(ground, cloud, alice):
    instance_id = cloud.launch(ground.order(alice), token(alice)).instance_id

    def is_refused(ask, turned_back) -> bool:
        """Return whether we were in time: a transition takes a fraction of a second here, and a computer may be
        busy."""
        try:
            ask(instance_id)
        except NotYet:
            return True
        ground.settle(alice.row)
        turned_back(instance_id)
        return False

    assert any(is_refused(cloud.stop, cloud.start) for _ in range(10))
    ground.settle(alice.row)
    cloud.stop(instance_id)
    assert any(is_refused(cloud.start, cloud.stop) for _ in range(10))


# --- another size ----------------------------------------------------------------------------------------------------
def test_a_machine_gets_another_type_while_it_is_stopped_and_only_then(ground, cloud, alice):
    instance_id = ground.running(alice).instance_id
    with pytest.raises(NotYet):
        cloud.resize(instance_id, "t3.large")
    cloud.stop(instance_id)
    ground.settle(alice.row)
    cloud.resize(instance_id, "t3.large")
    cloud.resize(instance_id, "t3.large")
    (shown,) = cloud.ec2_instances([alice.row])
    assert (shown.instance_id, shown.instance_type, shown.state) == (instance_id, "t3.large", InstanceState.STOPPED)
    cloud.start(instance_id)
    assert ground.settle(alice.row).state is InstanceState.RUNNING


def test_a_disk_grows_while_its_machine_runs_and_asking_twice_is_once(ground, cloud, alice):
    disk = ground.running(alice).volume_id
    assert cloud.sizes([disk]) == {disk: 30}
    cloud.grow(disk, 40)
    cloud.grow(disk, 40)
    assert cloud.sizes([disk, NO_DISK]) == {disk: 40}


def test_a_disk_never_shrinks_and_is_not_changed_twice_at_once(ground, cloud, alice):
    disk = ground.running(alice).volume_id
    with pytest.raises(Refused):
        cloud.grow(disk, 20)
    cloud.grow(disk, 40)
    with pytest.raises(Refused) as refusal:
        cloud.grow(disk, 50)
    assert refusal.value.code in {"IncorrectModificationState", "VolumeModificationRateExceeded"}
    assert cloud.sizes([disk]) == {disk: 40}


def test_nothing_that_is_gone_changes_its_size(cloud):
    assert cloud.sizes([NO_DISK]) == cloud.sizes([]) == {}
    with pytest.raises(Gone):
        cloud.resize(NOBODY, "t3.large")
    with pytest.raises(Gone):
        cloud.grow(NO_DISK, 40)


def test_an_end_may_be_asked_for_twice(ground, cloud, alice):
    instance_id = ground.running(alice).instance_id
    assert cloud.terminate(instance_id) is InstanceState.SHUTTING_DOWN
    ended = ground.settle(alice.row)
    assert (ended.state, ended.public_ip) == (InstanceState.TERMINATED, None)
    assert cloud.terminate(instance_id) is InstanceState.TERMINATED
    with pytest.raises(NotYet):
        cloud.start(instance_id)


def test_nothing_can_be_done_with_a_machine_that_is_gone(cloud):
    for act in (cloud.start, cloud.stop, cloud.terminate):
        with pytest.raises(Gone):
            act(NOBODY)


# --- key -------------------------------------------------------------------------------------------------------------
def test_a_private_key_is_told_once(cloud, alice):
    pair = cloud.create_key(alice.resource, alice.tags)
    assert pair.private_key.startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert pair.private_key not in repr(pair)
    with pytest.raises(AlreadyThere):
        cloud.create_key(alice.resource, alice.tags)


def test_the_fingerprint_is_the_private_keys(cloud, alice):
    pair = cloud.create_key(alice.resource, alice.tags)
    key = load_pem_private_key(pair.private_key.encode(), None)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert pair.fingerprint == hashlib.sha1(der).digest().hex(":")


HER_LINE = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
HIS_LINE = generate_private_key(65537, 3072).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def test_a_public_key_is_taken_and_taken_again_but_no_other_under_its_name(cloud, alice, bob):
    for person, line in ((alice, HER_LINE), (bob, HIS_LINE)):
        for _ in range(2):
            pair = cloud.import_key(person.resource, line, person.tags)
            assert (pair.name, pair.private_key) == (person.resource, "")
            assert is_of_imported(line, pair.fingerprint)
        assert cloud.keys(person.row) == [person.resource]
    with pytest.raises(AlreadyThere):
        cloud.import_key(alice.resource, HIS_LINE, alice.tags)
    with pytest.raises(AlreadyThere):
        cloud.create_key(alice.resource, alice.tags)


def test_a_key_is_found_by_its_row_and_removed_twice(cloud, alice, bob):
    cloud.create_key(alice.resource, alice.tags)
    assert cloud.keys(alice.row) == [alice.resource]
    assert cloud.keys(bob.row) == []
    for _ in range(2):
        cloud.delete_key(alice.resource)
    assert cloud.keys(alice.row) == []


def test_a_public_key_is_let_in_twice_and_only_while_the_machine_runs(ground, cloud, alice):
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
    instance_id = ground.running(alice).instance_id
    for _ in range(2):
        cloud.send_ssh_public_key(instance_id, "ubuntu", key)
    cloud.stop(instance_id)
    ground.settle(alice.row)
    with pytest.raises(NotYet):
        cloud.send_ssh_public_key(instance_id, "ubuntu", key)
    with pytest.raises(Gone):
        cloud.send_ssh_public_key("i-0123456789abcdef0", "ubuntu", key)


def test_what_exists_may_be_given_more_tags_and_keeps_its_own(ground, cloud, alice):
    server = ground.running(alice)
    cloud.arm(alice.resource, server.instance_id, IdleRule(30, 5.0), 40, alice.tags)
    for _ in range(2):
        cloud.tag(cloud.inventory(), {"CostCenter": "4711"})
    for thing in cloud.inventory():
        if thing.kind is not Kind.ALARM:
            assert thing.tags.items() >= {"CostCenter": "4711", "OndolId": alice.row}.items(), thing.kind


# --- what there is ---------------------------------------------------------------------------------------------------
def test_a_listing_has_all_of_alices_things_until_they_are_gone(ground, cloud, alice):
    server = ground.running(alice)
    group_id = cloud.group(alice.resource)
    cloud.set_ssh(group_id, ["203.0.113.0/24"])
    cloud.arm(alice.resource, server.instance_id, IdleRule(30, 5.0), 40, alice.tags)
    found = {thing.kind: thing for thing in cloud.inventory()}
    assert len(found) == len(cloud.inventory()) == 5
    assert found[Kind.INSTANCE] == Found(
        Kind.INSTANCE, server.instance_id, alice.row, token(alice), groups=frozenset({group_id})
    )
    assert found[Kind.GROUP] == Found(Kind.GROUP, group_id, alice.row, cidrs=frozenset({"203.0.113.0/24"}))
    assert found[Kind.KEY] == Found(Kind.KEY, alice.resource, alice.row)
    assert found[Kind.ALARM].id == alice.resource
    for kind in (Kind.INSTANCE, Kind.VOLUME, Kind.GROUP, Kind.KEY):
        assert cloud.shown(kind, [found[kind].id, "i-0abcdef01234567ff"]) == [found[kind]]
    volume = found[Kind.VOLUME]
    assert (volume.row, volume.in_use) == (alice.row, True)
    with pytest.raises(NotYet):
        cloud.delete_volume(volume.id)
    cloud.terminate(server.instance_id)
    assert Kind.INSTANCE not in {thing.kind for thing in cloud.inventory()}
    ground.settle(alice.row)
    cloud.delete_volume(volume.id)
    cloud.delete_group(group_id)
    cloud.delete_key(alice.resource)
    cloud.delete_alarm(alice.resource)
    assert cloud.inventory() == []


def test_a_machine_is_known_by_its_id_whoever_has_tagged_it(ground, cloud, alice):
    instance_id = ground.running(alice).instance_id
    assert [server.instance_id for server in ground.neighbour.known([instance_id, NOBODY])] == [instance_id]
    assert cloud.known([NOBODY]) == []


def test_what_a_person_has_is_found_by_her_tag(ground, cloud, alice):
    instance_id = ground.running(alice).instance_id
    assert instance_id in {server.instance_id for server in cloud.alive_of("7")}
    assert cloud.alive_of("70") == []
    cloud.terminate(instance_id)
    assert instance_id not in {server.instance_id for server in cloud.alive_of("7")}


def test_the_place_is_the_same_for_all_of_an_account(ground, cloud):
    assert cloud.account() == ground.neighbour.account()
    assert (len(cloud.account().account_id), cloud.account().region) == (12, "ap-northeast-2")


# --- network ---------------------------------------------------------------------------------------------------------
def test_a_group_is_found_by_its_name_and_removed_twice(cloud, alice, bob):
    group_id = cloud.create_group(alice.resource, alice.tags)
    with pytest.raises(AlreadyThere):
        cloud.create_group(alice.resource, alice.tags)
    assert cloud.group(alice.resource) == group_id
    assert cloud.group(bob.resource) is None
    for _ in range(2):
        cloud.delete_group(group_id)
    assert cloud.group(alice.resource) is None


def test_a_group_lets_in_what_was_wished_for_last_and_nothing_else(cloud, alice):
    group_id = cloud.create_group(alice.resource, alice.tags)
    lab, home, home6 = "203.0.113.0/24", "198.51.100.7/32", "2001:db8:7::/64"
    for ranges in ([lab], [lab, home], [lab, home], [home6, home], ["0.0.0.0/0", "::/0"], [lab], [], [], [home]):
        before = next(iter(cloud.shown(Kind.GROUP, [group_id]))).cidrs
        change = cloud.set_ssh(group_id, ranges)
        (group,) = cloud.shown(Kind.GROUP, [group_id])
        assert group.cidrs == set(ranges)
        assert (set(change.opened), set(change.closed)) == (set(ranges) - before, before - set(ranges))


def test_a_group_that_is_not_there_cannot_be_opened(cloud):
    with pytest.raises((Gone, NotYet)):
        cloud.set_ssh(NO_GROUP, ["0.0.0.0/0"])


def test_a_group_stays_until_its_machine_has_ended(ground, cloud, alice):
    server = ground.running(alice)
    group_id = cloud.group(alice.resource)
    with pytest.raises(NotYet):
        cloud.delete_group(group_id)
    cloud.terminate(server.instance_id)
    ground.settle(alice.row)
    cloud.delete_group(group_id)


# --- auto-stop -------------------------------------------------------------------------------------------------------
def test_an_alarm_of_a_free_name_has_not_judged_yet_whatever_others_have(ground, cloud, alice):
    instance_id = ground.running(alice).instance_id
    names = [alice.resource, f"{alice.resource}-2"]
    for name, rule in zip(names, (IdleRule(30, 5.0), IdleRule(60, 2.5)), strict=True):
        cloud.arm(name, instance_id, rule, 70, alice.tags)
        (alarm,) = cloud.alarms([name, "ondol-nobody"])
        assert (alarm.name, alarm.instance_id, alarm.rule) == (name, instance_id, rule)
        assert (alarm.state, alarm.warm_up_minutes, alarm.is_sound) == ("INSUFFICIENT_DATA", 70, True)
    assert [alarm.name for alarm in cloud.alarms()] == names
    cloud.delete_alarm(alice.resource)
    assert cloud.alarms(names) == [alarm]


def test_an_alarm_that_is_put_again_under_its_name_keeps_its_state(ground, cloud, alice):
    server = ground.running(alice)
    cloud.arm(alice.resource, server.instance_id, IdleRule(30, 5.0), 40, alice.tags)
    ground.fire(alice.resource, server.instance_id)
    cloud.arm(alice.resource, server.instance_id, IdleRule(60, 2.5), 40, alice.tags)
    (alarm,) = cloud.alarms([alice.resource])
    assert (alarm.rule, alarm.state) == (IdleRule(60, 2.5), "ALARM")


def test_a_machine_that_has_just_begun_has_no_reading_yet(ground, cloud, alice):
    server = ground.running(alice)
    told = cloud.readings([server.instance_id, NOBODY], ground.now() - timedelta(hours=1), ground.now())
    assert told == {}


def test_an_alarm_is_removed_twice(cloud, alice):
    cloud.arm(alice.resource, NOBODY, IdleRule(30, 5.0), 40, alice.tags)
    for _ in range(2):
        cloud.delete_alarm(alice.resource, f"{alice.resource}-2")
    assert cloud.alarms() == cloud.alarms([alice.resource]) == []


def test_the_alarm_tells_that_it_has_stopped_alices_machine(ground, cloud, alice):
    server = ground.running(alice)
    cloud.arm(alice.resource, server.instance_id, IdleRule(30, 5.0), 40, alice.tags)
    before = ground.now() - timedelta(minutes=1)
    assert cloud.stopped_by_alarm(alice.resource, before) is None
    ground.fire(alice.resource, server.instance_id)
    assert ground.settle(alice.row).state is InstanceState.STOPPED
    stop = cloud.stopped_by_alarm(alice.resource, before)
    assert stop is not None
    assert cloud.stopped_by_alarm(alice.resource, stop.at) is None
    cloud.delete_alarm(alice.resource)
    assert cloud.stopped_by_alarm(alice.resource, before) == stop


def test_a_stop_in_the_console_is_not_the_alarms(ground, cloud, alice):
    server = ground.stopped(alice)
    assert cloud.stopped_by_alarm(alice.resource, server.launched_at) is None
