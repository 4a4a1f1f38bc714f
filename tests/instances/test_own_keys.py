"""A machine with a person's own public key: no private key exists here, in AWS or anywhere between."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import IntegrityError, transaction

from ondol.cloud.errors import AlreadyThere, Throttled, Unreachable
from ondol.cloud.port import KeyPair
from ondol.instances import actions, own_keys, sealed
from ondol.instances.errors import ActionError
from ondol.instances.key_file import take_key
from ondol.instances.models import ChosenKey, KeyOrigin, SshKey
from ondol.instances.ssh import key_file, new_stem
from ondol.instances.states import Status
from ondol.keys import fingerprint, public_key
from ondol.testing.fake import FakeCloud, Lost
from tests.instances.keys import keep
from tests.instances.rig import made, person


def openssh(key):
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


HERS = openssh(ed25519.Ed25519PrivateKey.generate())
ANOTHER = openssh(ed25519.Ed25519PrivateKey.generate())
OLD_STYLE = openssh(rsa.generate_private_key(65537, 3072))


def imported(rig):
    return [thing.value for thing in rig.cloud.world.keys.values()]


@pytest.mark.parametrize("line", [HERS, OLD_STYLE], ids=["ed25519", "RSA"])
def test_alices_machine_is_launched_with_her_own_key_and_none_is_made(rig, alice, line):
    actions.create(alice, public_key=f"{line} alice@lab\n")
    instance = rig.running(alice)
    key = instance.ssh_key
    assert imported(rig) == [line], "without the comment, which says more about her than AWS needs to know"
    assert "create_key" not in [call.operation for call in rig.cloud.calls]
    [spec] = rig.cloud.world.specs.values()
    assert spec.key_name == key.key_pair_name == instance.key_pair_name
    assert (key.origin, key.public_key, key.comment) == (KeyOrigin.OWN, line, "alice@lab")
    assert bytes(key.sealed_private_key) == b""
    with pytest.raises(ActionError) as refused:
        take_key(alice)
    assert (refused.value.code, refused.value.status) == ("key_not_kept", 404)


def test_where_nothing_is_sealed_the_vault_finds_nothing(rig, alice):
    actions.create(alice, public_key=HERS)
    rig.running(alice)
    bob = person("bob")
    keep(made(bob, status=Status.RUNNING))
    assert [kept.name for kept in sealed.everything()] == [f"SSH key of machine {rig.mine(bob).pk}"]
    assert len(sealed.ids_in_use()) == 1
    found = sealed.examine()
    assert (found.count, found.unbound, found.shut, found.tampered) == (1, 0, [], [])


def test_whatever_is_lost_on_the_way_one_machine_has_her_key(rig, alice):
    troubles = [
        Throttled("RequestLimitExceeded"),
        Unreachable("timeout"),
        Lost(Unreachable("timeout")),
        Lost(Throttled("RequestLimitExceeded")),
        AlreadyThere("InvalidKeyPair.Duplicate"),
    ]
    rig.cloud.next_error["import_key"] = troubles
    actions.create(alice, public_key=HERS)
    rig.work()
    rig.tick(12)
    instance = rig.mine(alice)
    assert instance.status == Status.RUNNING
    assert not rig.cloud.next_error["import_key"]
    assert imported(rig) == [HERS], "what earlier tries have left is gone"
    assert instance.ssh_key.key_pair_name in rig.cloud.world.keys


class AnotherKey(FakeCloud):
    """An EC2 that answers an import with another key than it was sent."""

    def import_key(self, name, openssh, tags):
        return KeyPair(name, fingerprint.of_imported(ANOTHER))


def test_a_machine_is_not_launched_with_another_key_than_hers(rig, alice):
    rig.cloud = AnotherKey(deployment=rig.cloud.deployment)
    actions.create(alice, public_key=HERS)
    rig.work()
    rig.tick(3)
    instance = rig.mine(alice)
    assert (instance.status, instance.error_code) == (Status.FAILED, "KeyFingerprint")
    assert rig.live(alice) == []
    assert not SshKey.objects.exists()


def test_the_key_is_remembered_for_the_next_machine_until_she_chooses_another(rig, alice, ada):
    actions.create(alice, public_key=f"{HERS} alice@lab")
    rig.running(alice)
    for line in (HERS, ANOTHER, ""):
        if line != HERS:
            own_keys.choose(alice, line)
        actions.terminate(alice, by=ada)
        rig.work()
        rig.tick(3)
        assert not SshKey.objects.exists()
        key = rig.running(alice).ssh_key
        assert key.public_key == line
        assert key.origin == (KeyOrigin.OWN if line else KeyOrigin.AWS)
    assert "PRIVATE KEY" in take_key(alice).text


def test_a_key_that_is_refused_changes_nothing(alice):
    own_keys.choose(alice, HERS)
    for text, code in (("ssh-rsa", "public_key_damaged"), ("x", "public_key_no_key"), (" ", "public_key_empty")):
        with pytest.raises(ActionError) as refused:
            actions.create(alice, public_key=text)
        assert (refused.value.code, refused.value.status) == (code, 400)
        assert bool(refused.value.hint)
    assert ChosenKey.objects.get().public_key == HERS
    assert actions.current(alice) is None


def test_while_a_machine_is_made_its_key_is_not_changed(alice):
    first = actions.create(alice, public_key=HERS)
    assert actions.create(alice, public_key=HERS) == actions.create(alice) == first
    for other in (ANOTHER, ""):
        with pytest.raises(ActionError) as refused:
            actions.create(alice, public_key=other)
        assert refused.value.code == "being_made"
    assert ChosenKey.objects.get().public_key == HERS


def test_who_has_a_machine_does_not_change_the_choice_by_asking_for_one(alice):
    made(alice, status=Status.RUNNING)
    with pytest.raises(ActionError) as refused:
        actions.create(alice, public_key=HERS)
    assert refused.value.code == "already_there"
    assert not ChosenKey.objects.exists()


def test_the_database_keeps_no_private_key_beside_a_persons_own(alice):
    row = made(alice, status=Status.RUNNING)
    wrong = [
        {"origin": "aws"},
        {"origin": "aws", "public_key": HERS},
        {"origin": "own", "public_key": HERS, "sealed_private_key": b"secret"},
        {"origin": "browser", "public_key": HERS, "sealed_private_key": b"secret"},
        {"origin": "own"},
        {"origin": "browser"},
        {"origin": "somebody", "public_key": HERS},
        {"origin": "", "sealed_private_key": b"secret"},
    ]
    for fields in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            SshKey.objects.create(instance=row, key_pair_name="k", fingerprint="f", **fields)
    with pytest.raises(IntegrityError), transaction.atomic():
        ChosenKey.objects.create(owner=alice, origin="aws", public_key=HERS)


def test_the_command_names_the_file_that_the_key_is_in(alice):
    bob, carol = person("bob"), person("carol")
    files = {}
    for owner, origin, line in ((alice, "own", HERS), (bob, "own", OLD_STYLE), (carol, "browser", HERS)):
        row = made(owner, status=Status.RUNNING)
        stem = own_keys.stem_of(owner, line) if origin == "browser" else ""
        SshKey.objects.create(
            instance=row, key_pair_name="k", fingerprint="f", origin=origin, public_key=line, file_stem=stem
        )
        files[owner] = key_file(row)
    assert list(files.values())[:2] == ["id_ed25519", "id_rsa"]
    assert files[carol] == f"{own_keys.stem_of(carol, HERS)}.pem"
    dave = made(person("dave"), status=Status.RUNNING)
    assert key_file(dave) == f"{new_stem(dave)}.pem"


def test_a_page_may_show_the_fingerprint_that_ssh_shows(alice):
    own_keys.choose(alice, f"{HERS} alice@lab", KeyOrigin.BROWSER)
    facts = own_keys.facts_of(own_keys.chosen(alice))
    assert (facts.origin, facts.comment) == (KeyOrigin.BROWSER, "alice@lab")
    assert facts.fingerprint == public_key.parse(HERS).fingerprint
