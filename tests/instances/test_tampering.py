"""What Mallory gets, who can write to the database and has no vault key: nobody else's private key."""

import base64
import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core import mail
from django.db import connection
from django.utils import translation
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts.models import User
from ondol.config import config
from ondol.deployment import alerts
from ondol.instances import sealed
from ondol.instances.errors import ActionError
from ondol.instances.key_file import take_key
from ondol.instances.models import Instance, SshKey
from ondol.instances.states import Status
from ondol.keys import fingerprint, vault
from tests.instances.keys import keep, quick_pem, sealed_by_an_earlier_version
from tests.instances.rig import made, person

pytestmark = pytest.mark.django_db
CHANGED, SHUT, NONE = "key_changed", "sealed", "no_key"


@pytest.fixture
def people():
    """Make Alice and Mallory, each with a machine and its key."""
    found = person("alice"), person("mallory")
    for one in found:
        row = made(one, status=Status.RUNNING)
        keep(row, quick_pem(row))
    return found


def machine_of(owner):
    return Instance.objects.get(owner=owner)


def key_of(owner):
    return SshKey.objects.filter(instance__owner=owner)


def write(owner, data):
    key_of(owner).update(sealed_private_key=data)


def data_of(owner):
    return bytes(key_of(owner).get().sealed_private_key)


def own_seal(owner, key_id, version=b"\x02"):
    """Return what Mallory can seal herself, for the right row and with a key of her own."""
    nonce, row = os.urandom(12), machine_of(owner)
    label = sealed.label_of(row, row.ssh_key.fingerprint)._authenticated(version, key_id)
    return version + key_id + nonce + AESGCM(b"m" * 32).encrypt(nonce, quick_pem(row).encode(), label)


def take_the_machine(alice, mallory):
    Instance.objects.filter(owner=mallory).update(status=Status.TERMINATED)
    Instance.objects.filter(owner=alice).update(owner=mallory)


def move_the_row(alice, mallory):
    theirs = machine_of(mallory)
    key_of(mallory).delete()
    key_of(alice).update(instance=theirs)


def exchange(*names):
    def act(alice, mallory):
        hers, theirs = key_of(alice).get(), key_of(mallory).get()
        for name in names:
            mine = getattr(hers, name)
            setattr(hers, name, getattr(theirs, name))
            setattr(theirs, name, mine)
        hers.save()
        theirs.save()

    return act


def put_new_fingerprint_to_own_key(alice, mallory):
    """She has her own key sealed, and says that it is Alice's."""
    told = fingerprint.of_made_by_aws(quick_pem(machine_of(mallory)))
    key_of(alice).update(sealed_private_key=data_of(mallory), fingerprint=told)


def flip(position):
    def act(alice, _mallory):
        data = bytearray(data_of(alice))
        data[position] ^= 1
        write(alice, bytes(data))

    return act


def cut(length):
    return lambda alice, _mallory: write(alice, data_of(alice)[:length])


OUR_ID = lambda: bytes.fromhex(vault.key_ids()[0])  # noqa: E731
# What she does → what Alice and what Mallory get then; a key, if nothing is said, is one's own.
ATTACKS = {
    "nothing": (lambda alice, mallory: None, "", ""),
    "the machine gets another owner": (take_the_machine, NONE, CHANGED),
    "the key gets another machine": (move_the_row, NONE, CHANGED),
    "ciphertexts are exchanged": (exchange("sealed_private_key"), CHANGED, CHANGED),
    "fingerprints are exchanged": (exchange("fingerprint"), CHANGED, CHANGED),
    "both are exchanged": (exchange("sealed_private_key", "fingerprint"), CHANGED, CHANGED),
    "another fingerprint": (lambda alice, _: key_of(alice).update(fingerprint="aa:bb"), CHANGED, ""),
    "no fingerprint": (lambda alice, _: key_of(alice).update(fingerprint=""), CHANGED, ""),
    "her own key and its fingerprint": (put_new_fingerprint_to_own_key, CHANGED, ""),
    "the form of an earlier version": (lambda alice, _: write(alice, b"\x01" + data_of(alice)[1:]), CHANGED, ""),
    "an unknown form": (lambda alice, _: write(alice, b"\x07" + data_of(alice)[1:]), CHANGED, ""),
    "another bit in the nonce": (flip(6), CHANGED, ""),
    "another bit in the key": (flip(40), CHANGED, ""),
    "another bit at the end": (flip(-1), CHANGED, ""),
    "one byte is left": (cut(1), CHANGED, ""),
    "the head is left": (cut(17), CHANGED, ""),
    "one byte is missing": (cut(-1), CHANGED, ""),
    "text": (lambda alice, _: write(alice, quick_pem(machine_of(alice)).encode()), CHANGED, ""),
    "a vault key that is not known": (lambda alice, _: write(alice, b"\x02lost" + data_of(alice)[5:]), SHUT, ""),
    "her own vault key": (lambda alice, _: write(alice, own_seal(alice, b"mine")), SHUT, ""),
    "her own vault key by the name of ours": (lambda alice, _: write(alice, own_seal(alice, OUR_ID())), CHANGED, ""),
    "the same in the old form": (lambda alice, _: write(alice, own_seal(alice, OUR_ID(), b"\x01")), CHANGED, ""),
}


def outcome(person, keys):
    """Return how it went to take one's key: a code, or whose it was."""
    try:
        file = take_key(person)
    except ActionError as error:
        return error.code
    return keys[file.text]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nobody_gets_the_key_of_somebody_else(people, attack):
    ada, (alice, mallory) = person("ada", admin=True), people
    keys = {quick_pem(machine_of(one)): one.name for one in people}
    act, for_alice, for_mallory = ATTACKS[attack]
    act(alice, mallory)
    expected = [for_alice or "Alice", for_mallory or "Mallory"]
    for _ in range(2):
        assert [outcome(one, keys) for one in people] == expected
    letters = ProcrastinateJob.objects.filter(task_name=alerts.TASK)
    assert letters.count() == expected.count(CHANGED), (
        "one for each key that was changed, however often it is asked for"
    )
    assert {job.args["to"] for job in letters} <= {ada.pk}


def test_who_finds_a_key_changed_reads_what_to_do_and_administrators_get_an_e_mail(people):
    ada, (alice, mallory) = person("ada", admin=True), people
    row = machine_of(alice)
    take_the_machine(alice, mallory)
    with translation.override("en"), pytest.raises(ActionError) as error:
        take_key(mallory)
    assert "ONDOL_VAULT_KEYS" not in f"{error.value.message} {error.value.hint}"
    assert "Administrators have been notified" in error.value.hint
    args = ProcrastinateJob.objects.get(task_name=alerts.TASK).args
    for language, word in (("en", "does not open"), ("ko", "열리지 않습니다")):
        User.objects.filter(pk=ada.pk).update(language=language)
        alerts.send(
            "tampered", User.objects.get(pk=ada.pk), **{name: args[name] for name in ("secret", "owner", "row")}
        )
        letter = mail.outbox.pop()
        assert letter.to == [ada.email]
        assert word in letter.body
        for told in (str(row.pk), mallory.email, config().url):
            assert told in letter.body


def test_what_was_changed_is_named_by_the_rotation_and_stays(people, monkeypatch):
    alice, _ = people
    flip(-1)(alice, None)
    before = data_of(alice)
    old = config().vault_keys[0]
    monkeypatch.setenv("ONDOL_VAULT_KEYS", f"{base64.urlsafe_b64encode(b'n' * 32).decode()},{old}")
    config.cache_clear()
    found = sealed.reseal_all()
    monkeypatch.undo()
    config.cache_clear()
    assert (found.done, found.shut) == (1, [])
    assert found.tampered == [f"SSH key of machine {machine_of(alice).pk}"]
    assert data_of(alice) == before


def test_what_an_earlier_version_has_sealed_opens_until_it_is_bound_to_its_owner(people):
    """It was bound to the row alone, and so is open to whoever the row is given to; the next rotation ends that."""
    alice, mallory = people
    row = machine_of(alice)
    write(alice, sealed_by_an_earlier_version(str(row.pk), quick_pem(row)))
    assert take_key(alice).text == quick_pem(row)
    assert sealed.examine().unbound == 1
    assert sealed.reseal_all().done == 1
    assert sealed.examine().unbound == 0
    assert take_key(alice).text == quick_pem(row)
    take_the_machine(alice, mallory)
    with pytest.raises(ActionError) as error:
        take_key(mallory)
    assert error.value.code == CHANGED


def test_a_changed_fingerprint_is_found_in_the_old_form_as_well(people):
    alice, _ = people
    row = machine_of(alice)
    write(alice, sealed_by_an_earlier_version(str(row.pk), quick_pem(row)))
    key_of(alice).update(fingerprint="aa:bb")
    with pytest.raises(ActionError) as error:
        take_key(alice)
    assert error.value.code == CHANGED
    assert sealed.reseal_all().tampered, "the rotation does not make it look sound"


def test_a_key_outlives_what_may_change_about_its_owner(people):
    """Name, address and role are not in the seal, and nor is anything that a machine gets later."""
    alice, _ = people
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_user SET email = 'a.kim@example.org', name = 'A', role = 'ADMIN' WHERE id = %s", [alice.pk]
        )
    Instance.objects.filter(owner=alice).update(instance_type="m7i.large", instance_id="i-1")
    assert take_key(User.objects.get(pk=alice.pk)).text
