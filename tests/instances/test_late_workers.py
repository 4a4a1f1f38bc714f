"""A worker that was frozen goes on after others have done its job, and what it asks for late does not stay."""

import random
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest

from ondol.instances import ssh_ranges
from ondol.instances.key_replacement import replace_key
from ondol.instances.models import Instance, KeyReplacement
from ondol.reconciler import ingress
from ondol.reconciler.inside import Behind, script
from ondol.reconciler.job_lease import JobLeaseLost
from tests.instances.test_key_replacement import LAPTOP, current, door, own_key, state
from tests.instances.test_key_replacement import inside as inside
from tests.instances.test_key_replacement import lives as lives

LAB, HOME = "203.0.113.0/24", "198.51.100.7/32"


@pytest.fixture(autouse=True)
def lab(setting):
    setting(ONDOL_SSH_CIDRS=LAB)


SPOTS = [  # the first one while the old key is AWS's
    "delete_key", "set_ssh", "set_ssh, asked for", "send_ssh_public_key", "create_key", "change 1", "change 2",
]  # fmt: skip
"""What a worker is about to do when it freezes. It looks whether its job is its own before "set_ssh, asked for"."""


def frozen(rig, row, inside, spot, others):
    """Let a worker do its part of the job, in which `others` do it while it is frozen; whether it was."""
    is_lost = False

    def lease():
        if is_lost:
            raise JobLeaseLost

    def meanwhile():
        nonlocal is_lost
        is_lost, rig.ensure_job_lease, inside.meanwhile = True, ours, lambda: None
        others()

    ours, rig.ensure_job_lease = rig.ensure_job_lease, lease
    if spot.startswith("change"):
        inside.meanwhile = meanwhile if spot == "change 1" else lambda: setattr(inside, "meanwhile", meanwhile)
    else:
        rig.cloud.meanwhile[spot] = meanwhile
    try:
        rig.work_on(row)
    except JobLeaseLost:
        pass
    finally:
        rig.ensure_job_lease = ours
        rig.cloud.meanwhile.clear()
    return is_lost


def test_wherever_a_worker_freezes_that_replaces_a_key_its_door_is_shut_and_its_keys_are_gone(
    rig, alice, lives, inside
):
    for spot in SPOTS:

        def others():
            rig.work_on(rig.mine(alice))
            for key in (own_key(), own_key()):
                replace_key(alice, key)
                rig.work()

        replace_key(alice)
        assert frozen(rig, rig.mine(alice), inside, spot, others), spot
        rig.work()  # what it has left to be done, without any look
        assert state(alice) == "DONE", spot
        assert door(rig, alice) == {LAB}, spot
        assert inside.file.read_text().splitlines() == [LAPTOP, current(alice)], spot
        assert not rig.cloud.world.keys, spot


def shut_out(rig, alice):
    """The group let her in from home, and does not any more."""
    network = ssh_ranges.ipaddress.ip_network(HOME)
    address = ssh_ranges.add(alice, network)
    rig.work()
    assert door(rig, alice) == {LAB, HOME}
    ssh_ranges.remove(alice, address.pk)
    rig.work()
    assert door(rig, alice) == {LAB}


def look(rig, machines_clock, **after):
    machines_clock.advance(timedelta(**after))
    ingress.compare_again()
    rig.work()


def test_what_opens_it_late_is_closed_after_seconds_and_after_a_minute_though_nobody_tells(
    rig, alice, lives, machines_clock
):
    shut_out(rig, alice)
    for seconds in (6, 56):
        rig.cloud.set_ssh(lives.security_group_id, [LAB, HOME])
        look(rig, machines_clock, seconds=seconds)
        assert door(rig, alice) == {LAB}, seconds
    assert rig.mine(alice).group_doubted_at is None


def test_a_group_is_compared_again_twice_and_no_more(rig, alice, lives, machines_clock):
    shut_out(rig, alice)
    asked = rig.cloud.asked("set_ssh")
    for _ in range(20):
        look(rig, machines_clock, seconds=6)
    assert rig.cloud.asked("set_ssh") == asked + 2


def test_opening_it_wider_raises_no_doubt(rig, alice, lives):
    ssh_ranges.add(alice, ssh_ranges.ipaddress.ip_network(HOME))
    rig.work()
    assert rig.mine(alice).group_doubted_at is None


def test_a_key_is_replaced_on_a_machine_whose_last_change_a_restored_database_does_not_know(rig, alice, lives, inside):
    for _ in range(2):
        replace_key(alice, own_key())
        rig.work()
    KeyReplacement.objects.update(last_change=0)
    replace_key(alice, new := own_key())
    rig.work()
    KeyReplacement.objects.update(next_at=None)
    rig.work_on(Instance.objects.get(pk=lives.pk))
    assert (state(alice), inside.opens(new)) == ("DONE", True)


# --- inside the machine ----------------------------------------------------------------------------------------------
OLD, NEW, NEWER = (f"ssh-ed25519 AAAA{name}" for name in ("old", "new", "newer"))


@pytest.mark.parametrize("kept", [None, "", "4\n", "no number\n", "99999999999999999999\n"])
def test_in_whatever_order_the_commands_of_two_workers_arrive_the_later_change_stays(inside, kept):
    inside.file.parent.mkdir(mode=0o700)
    inside.file.write_text(f"{OLD}\n{LAPTOP}\n")
    if kept is not None:
        (inside.home / ".ssh/ondol-change").write_text(kept)
    first, second = script(5, NEW, [OLD]), script(6, NEWER, [OLD, NEW])
    for commands in (first, second, second):
        inside.hears(commands)
    for _ in range(2):
        with pytest.raises(Behind) as refusal:
            inside.hears(first)
        assert refusal.value.last == 6
    assert inside.file.read_text().splitlines() == [LAPTOP, NEWER]
    assert sorted(path.name for path in inside.file.parent.iterdir()) == ["authorized_keys", "ondol-change"]


def test_commands_that_arrive_in_part_do_nothing_until_the_rest_comes_and_hold_up_nobody(inside):
    late = script(5, NEW, [])
    with subprocess.Popen(
        ["sh", "-s"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=inside.environment
    ) as sh:
        sh.stdin.write(late[: late.rindex("mv -f")])
        sh.stdin.flush()
        inside.hears(script(6, NEWER, [NEW]))
        said, _ = sh.communicate(late[late.rindex("mv -f") :])
    assert "a later change has been here: 6" in said
    assert inside.file.read_text().splitlines() == [NEWER]


def test_of_many_changes_at_once_the_last_one_stays(inside):
    keys = [f"ssh-ed25519 AAAAkey{number:02}" for number in range(12)]
    scripts = [script(number, key, [each for each in keys if each != key]) for number, key in enumerate(keys)]
    random.Random(1).shuffle(scripts)

    def hears(commands):
        with suppress(Behind):
            inside.hears(commands)

    with ThreadPoolExecutor(len(scripts)) as pool:
        list(pool.map(hears, scripts))
    assert inside.file.read_text().splitlines() == [keys[-1]]
