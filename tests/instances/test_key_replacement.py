"""The key of a machine is replaced, and at every moment the key that its owner gets from us opens it."""

import subprocess
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts import people
from ondol.cloud.errors import NotYet, Refused, Unreachable
from ondol.instances import actions, key_letters, sealed
from ondol.instances.errors import ActionError
from ondol.instances.key_file import take_key
from ondol.instances.key_replacement import replace_key
from ondol.instances.models import KeyOrigin, KeyReplacement, SshKey
from ondol.instances.replacements import MAX_TRIES
from ondol.reconciler.inside import CannotEnter, of_change, script
from ondol.testing.fake import Lost

OURS = "127.0.0.0/8"
LAPTOP = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDdX5g0yJ1o2uR1f0Qk8pQeK0m2l7v1s9m1t3u5w7x9y alice@laptop"


def own_key() -> str:
    public = Ed25519PrivateKey.generate().public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


class Killed(BaseException):
    """The worker's process ends here."""


@dataclass
class Inside:
    """A machine's home folder, in which the commands that come by SSH are really run."""

    home: Path
    trouble: list[Exception] = field(default_factory=list)
    """What the next tries to enter meet."""
    refuses: list[Exception | None] = field(default_factory=list)
    """What the next changes meet."""
    killed_after: int = -1
    """The worker is killed after so many changes; before the first one if 0."""
    changes: int = 0
    meanwhile: Callable[[], None] = lambda: None
    """What happens between a worker's last look at its job and the arrival of its commands."""
    lets_wait: Callable[[], None] | None = None
    """What happens while the machine lets the worker wait."""

    @property
    def file(self) -> Path:
        return self.home / ".ssh" / "authorized_keys"

    @property
    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.home), "PATH": "/bin:/usr/bin"}

    def opens(self, public_key: str) -> bool:
        return self.file.exists() and any(public_key.split()[1] in line for line in self.file.read_text().splitlines())

    @contextmanager
    def enter(self, instance, cloud, ensure_wished):
        cloud.send_ssh_public_key(instance.instance_id, "ubuntu", "ssh-ed25519 AAAA")
        assert OURS in instance.ssh_ranges, "the group does not let us in"
        if self.trouble:
            raise self.trouble.pop(0)
        self.ensure_wished = ensure_wished
        yield self.change

    def change(self, number, add, remove):
        self._may_be_killed()
        if self.refuses and (trouble := self.refuses.pop(0)):
            raise trouble
        if self.lets_wait:
            self.lets_wait()
            self.ensure_wished()  # as it is asked every half second
        self.meanwhile()
        self.hears(script(number, add, remove))
        self.changes += 1
        self._may_be_killed()

    def hears(self, commands):
        """Carry out what comes by SSH."""
        done = subprocess.run(["sh", "-s"], input=commands, env=self.environment, text=True, capture_output=True)
        of_change(done.returncode, done.stdout, done.stderr)

    def _may_be_killed(self):
        if self.changes == self.killed_after:
            self.killed_after = -1
            raise Killed


@pytest.fixture
def inside(rig, tmp_path):
    rig.enter = (found := Inside(tmp_path)).enter
    return found


@pytest.fixture
def lives(rig, alice, inside):
    """Alice's machine runs, with the key of its launch and one that she has added herself."""
    rig.running(alice)
    inside.file.parent.mkdir()
    inside.file.write_text(f"{current(alice)} ondol\n{LAPTOP}\n")
    return rig.mine(alice)


def key_of(alice):
    return SshKey.objects.get(instance__owner=alice)


def current(alice):
    """The public half of the key that its owner gets from us, or has given."""
    return sealed.public_key_of(key_of(alice))


def state(alice):
    return KeyReplacement.objects.get(instance__owner=alice).state


def door(rig, alice):
    return rig.cloud.world.groups[rig.mine(alice).security_group_id].value.cidrs


@pytest.fixture(autouse=True)
def lab(setting):
    setting(ONDOL_SSH_CIDRS="203.0.113.0/24")


# --- the whole way ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("given", ["own", "by AWS"])
def test_the_old_key_goes_the_new_one_comes_and_what_she_added_stays(rig, alice, lives, inside, given):
    old, old_pair = current(alice), lives.key_pair_name
    replace_key(alice, own_key() if given == "own" else "")
    rig.work()
    assert state(alice) == "DONE"
    assert (inside.opens(old), inside.opens(current(alice)), inside.opens(LAPTOP)) == (False, True, True)
    assert current(alice) != old
    assert old_pair not in rig.cloud.world.keys
    assert rig.mine(alice).key_pair_name == ("" if given == "own" else next(iter(rig.cloud.world.keys)))
    if given == "by AWS":
        assert sealed.public_half(take_key(alice).text) == current(alice)
    assert bytes(key_of(alice).sealed_private_key) != b"" or given == "own"
    assert inside.file.stat().st_mode & 0o777 == 0o600


def test_workers_are_let_in_only_meanwhile(rig, alice, lives, inside):
    assert door(rig, alice) == {"203.0.113.0/24"}
    replace_key(alice)
    inside.trouble = [CannotEnter("no_answer", "busy")]
    rig.work()
    assert door(rig, alice) == {"203.0.113.0/24", OURS}
    wait_is_over()
    rig.tick()
    assert state(alice) == "DONE"
    assert door(rig, alice) == {"203.0.113.0/24"}


def wait_is_over():
    KeyReplacement.objects.update(next_at=None)


def test_a_key_is_replaced_whose_line_is_gone_with_the_whole_file(rig, alice, lives, inside):
    inside.file.unlink()
    inside.file.parent.rmdir()
    replace_key(alice)
    rig.work()
    assert inside.file.read_text().splitlines() == [current(alice)]


def test_the_owner_is_told(rig, alice, lives, inside, mailoutbox):
    replace_key(alice)
    rig.work()
    (job,) = ProcrastinateJob.objects.filter(task_name=key_letters.TASK)
    key_letters.tell(**{"row": job.args["row"]})
    (letter,) = mailoutbox
    assert letter.to == [alice.email]
    assert "-----BEGIN" not in letter.body


# --- twice, and another time ------------------------------------------------------------------------------------------
def test_two_clicks_are_one_replacement(rig, alice, lives, inside):
    mine = own_key()
    for wish in ("", mine):
        for _ in range(2):
            replace_key(alice, wish)
    rig.work()
    assert current(alice) == mine
    assert inside.changes == 2
    replace_key(alice, mine)  # it is so already
    rig.work()
    assert inside.changes == 2


def test_what_was_asked_for_before_does_not_stay_on_the_machine(rig, alice, lives, inside):
    first, second = own_key(), own_key()
    replace_key(alice, first)
    inside.killed_after = 1  # `first` is on the machine, and the row does not know
    with pytest.raises(Killed):
        rig.work()
    replace_key(alice, second)
    rig.work()
    assert (inside.opens(first), inside.opens(second), current(alice)) == (False, True, second)


def test_a_key_asked_for_while_another_is_put_there_is_the_one_that_opens_it(rig, alice, lives, inside):
    first, second = own_key(), own_key()

    def asked_again():
        inside.meanwhile = lambda: None
        replace_key(alice, second)

    replace_key(alice, first)
    inside.meanwhile = asked_again
    rig.work()
    rig.tick(2)
    assert (inside.opens(first), inside.opens(second), current(alice)) == (False, True, second)


def test_three_keys_one_after_the_other(rig, alice, lives, inside):
    seen = [current(alice)]
    for wish in ("", own_key(), ""):
        replace_key(alice, wish)
        rig.work()
        seen.append(current(alice))
    assert [inside.opens(key) for key in seen] == [False, False, False, True]


# --- killed anywhere --------------------------------------------------------------------------------------------------
KILLS = ["send_ssh_public_key", "create_key", "delete_key", "set_ssh"]


@pytest.mark.parametrize("given", ["own", "by AWS"])
def test_killed_at_any_boundary_the_key_that_its_owner_gets_opens_the_machine(rig, alice, lives, inside, given):
    boundaries = 0
    for at in [
        *KILLS,
        *(f"lost {each}" for each in KILLS),
        *(f"change {n}" for n in range(3)),
        *(f"lease {n}" for n in range(14)),
    ]:
        old = current(alice)
        replace_key(alice, own_key() if given == "own" else "")
        boundaries += killed(rig, inside, at)
        assert inside.opens(current(alice)), at
        rig.work_on(rig.mine(alice))
        assert (state(alice), inside.opens(old), inside.opens(current(alice))) == ("DONE", False, True), at
        assert len(inside.file.read_text().splitlines()) == 2, at
        rig.work_on(rig.mine(alice))
        assert door(rig, alice) == {"203.0.113.0/24"}, at
    assert boundaries >= 15


def killed(rig, inside, at):
    """Whether the worker was killed there."""
    what, _, which = at.rpartition(" ")
    asked = iter(range(1000))

    def lease():
        if what == "lease" and next(asked) == int(which):
            raise Killed

    if what == "change":
        inside.changes, inside.killed_after = 0, int(which)
    elif what in {"", "lost"}:
        rig.cloud.next_error[which] = [Lost(Killed()) if what else Killed()]
    ours, rig.ensure_job_lease = rig.ensure_job_lease, lease
    try:
        rig.work()
    except Killed:
        return True
    finally:
        rig.ensure_job_lease = ours
        rig.cloud.next_error.clear()
        inside.killed_after = -1
    return False


# --- what does not work -----------------------------------------------------------------------------------------------
TROUBLES = [CannotEnter("no_answer", "dead"), CannotEnter("not_let_in", "no"), CannotEnter("inside", "full")]


@pytest.mark.parametrize(
    "trouble", [*TROUBLES, Unreachable("EndpointConnectionError"), NotYet("EC2InstanceUnavailableException")]
)
def test_it_is_given_up_after_some_tries_and_the_old_key_still_opens(rig, alice, lives, inside, trouble):
    old = current(alice)
    replace_key(alice)
    inside.trouble = [trouble] * MAX_TRIES
    for _ in range(MAX_TRIES):
        assert state(alice) == "ASKED"
        wait_is_over()
        rig.work_on(rig.mine(alice))
    found = KeyReplacement.objects.get()
    assert (found.state, found.failure) == ("FAILED", trouble.code)
    assert found.error_ref
    assert (current(alice), inside.opens(old)) == (old, True)
    assert door(rig, alice) == {"203.0.113.0/24"}
    replace_key(alice)
    rig.work()
    assert (state(alice), inside.opens(old)) == ("DONE", False)


def test_a_denial_is_given_up_at_once(rig, alice, lives, inside):
    type(lives).objects.update(made_at=None)
    rig.cloud.next_error["send_ssh_public_key"] = [Refused("AccessDeniedException")]
    replace_key(alice)
    rig.work()
    assert state(alice) == "FAILED"


def test_once_the_new_key_counts_the_old_one_is_taken_away_however_long_that_takes(rig, alice, lives, inside):
    old = current(alice)
    replace_key(alice)
    inside.refuses = [None, *[CannotEnter("inside", "full")] * 2 * MAX_TRIES]
    for _ in range(2 * MAX_TRIES):
        wait_is_over()
        rig.work_on(rig.mine(alice))
        assert (state(alice), inside.opens(current(alice)), current(alice) != old) == ("SWITCHED", True, True)
    assert inside.opens(old)
    inside.refuses = []
    wait_is_over()
    rig.tick()
    assert (state(alice), inside.opens(old)) == ("DONE", False)


# --- the machine's life goes on ---------------------------------------------------------------------------------------
def test_at_rest_it_waits_for_the_next_start(rig, alice, lives, inside):
    actions.stop(alice)
    rig.work()
    rig.tick(2)
    old = current(alice)
    replace_key(alice)
    rig.tick(2)
    assert (state(alice), current(alice)) == ("ASKED", old)
    actions.start(alice)
    rig.work()
    rig.tick(2)
    assert (state(alice), inside.opens(old), inside.opens(current(alice))) == ("DONE", False, True)


def test_a_suspension_makes_it_void(rig, alice, ada, lives, inside):
    old = current(alice)
    replace_key(alice)
    actions.withdraw(alice, ada)
    rig.work()
    assert (state(alice), current(alice), inside.opens(old)) == ("FAILED", old, True)


CUT_OFF = {
    "suspended": (lambda alice, ada: people.suspend(alice.pk, ada), "stopping"),
    "not approved, and nobody has said so": (
        lambda alice, ada: type(alice).objects.filter(pk=alice.pk).update(approval="REJECTED"), "stopping"
    ),
    "stopped": (lambda alice, ada: actions.stop(alice), "stopping"),
    "ended": (lambda alice, ada: actions.terminate(alice, by=ada), "shutting-down"),
}  # fmt: skip


@pytest.mark.parametrize("what", CUT_OFF)
@pytest.mark.parametrize("changes", [0, 1])
def test_what_is_to_stop_does_not_wait_for_a_machine_that_lets_us_wait(rig, alice, ada, lives, inside, what, changes):
    happens, shown = CUT_OFF[what]
    inside.lets_wait = lambda: happens(alice, ada) if inside.changes == changes else None
    replace_key(alice)
    rig.work()
    assert inside.changes == changes
    assert rig.cloud.world.ec2_instances[lives.instance_id].value.state == shown
    if what == "suspended":
        assert not door(rig, alice)


def test_an_end_takes_it_along(rig, alice, ada, lives, inside):
    replace_key(alice)
    actions.terminate(alice, by=ada)
    rig.work()
    rig.tick(2)
    assert rig.mine(alice).status == "TERMINATED"
    assert not KeyReplacement.objects.exists()
    assert not rig.mine(alice).is_key_due


# --- who may ask ------------------------------------------------------------------------------------------------------
def test_without_the_range_of_workers_it_is_not_offered(alice, lives, setting, inside):
    setting(ONDOL_CLOUD="aws", AWS_VPC_ID="vpc-01234567", AWS_SUBNET_ID="subnet-01234567")
    with pytest.raises(ActionError) as refused:
        replace_key(alice)
    assert refused.value.code == "not_offered"


@pytest.mark.parametrize("text", ["no key", "ssh-rsa AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----", "ssh-dss AAAA x"])
def test_what_is_no_public_key_is_refused(alice, lives, text):
    with pytest.raises(ActionError) as refused:
        replace_key(alice, text)
    assert refused.value.code.startswith("public_key_")


def test_who_has_no_machine_replaces_nothing(rig, alice, lives, ada):
    with pytest.raises(ActionError):
        replace_key(ada, own_key(), origin=KeyOrigin.BROWSER)
