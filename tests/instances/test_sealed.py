"""The key that seals private SSH keys is changed while people make, use and end machines."""

import base64
import os
import signal
import subprocess
import sys
import time

import pytest
from django.db import connection
from django.utils import translation

from ondol.accounts.models import User
from ondol.commands import CommandError
from ondol.commands import vault as command
from ondol.config import config
from ondol.deployment import fingerprints
from ondol.deployment.models import Deployment
from ondol.instances import actions, sealed
from ondol.instances.messages.codes import OUR_OWN
from ondol.instances.models import Instance, SshKey
from ondol.keys import vault
from ondol.web.machine.notices import trouble_of
from tests.furnished import environment
from tests.instances.keys import PEM, keep, quick_pem

OLD, NEW, OTHER = (base64.urlsafe_b64encode(bytes([number]) * 32).decode() for number in (1, 2, 3))


@pytest.fixture
def keys(monkeypatch):
    """Sets ONDOL_VAULT_KEYS as a part that starts has it."""

    def use(*given):
        monkeypatch.setenv("ONDOL_VAULT_KEYS", ",".join(given))
        config.cache_clear()
        return vault.key_ids()

    yield use
    monkeypatch.undo()
    config.cache_clear()


def people(count):
    """Add people with a machine and a key each, sealed with the first key of now."""
    start = User.objects.count()
    for number in range(start, start + count):
        owner = User.objects.create(email=f"p{number}@example.org", name=f"P{number}")
        row = Instance.objects.create(owner=owner, instance_type="t3.small", volume_gib=30)
        keep(row, quick_pem(row))


def opened():
    """Return whether each key opens, and is the one of its row."""
    return [sealed.open_key(key) == quick_pem(key.instance) for key in SshKey.objects.select_related("instance")]


def rotate(capsys):
    command.run(command.argparse.Namespace(what="rotate"))
    return capsys.readouterr().out


@pytest.mark.django_db
def test_the_old_key_can_go_once_everything_is_sealed_with_the_new_one(keys, capsys):
    [old] = keys(OLD)
    fingerprints.check()
    people(5)
    new, _ = keys(NEW, OLD)
    people(2)
    said = rotate(capsys)
    assert f"5 secrets (private SSH keys, second factors) are sealed with {new}" in said
    assert f"{old} can go from ONDOL_VAULT_KEYS on every host" in said
    assert sealed.ids_in_use() == {new}
    keys(NEW)
    fingerprints.check()
    assert opened() == [True] * 7


@pytest.mark.django_db
@pytest.mark.parametrize("is_known", [False, True])
def test_a_new_key_that_is_still_behind_is_not_said_to_go(keys, capsys, is_known):
    """It was run one step too early; or the key is in its place for the first time, before any part has started."""
    [old] = keys(OLD)
    if is_known:
        fingerprints.check()
    people(2)
    _, new = keys(OLD, NEW)
    said = rotate(capsys)
    assert f"{new} has sealed nothing yet" in said
    assert "can go" not in said
    keys(NEW, OLD)
    said = rotate(capsys)
    assert f"{old} can go" in said
    assert "sealed nothing" not in said


@pytest.mark.django_db
def test_done_twice_it_changes_nothing(keys, capsys):
    keys(OLD)
    people(3)
    keys(NEW, OLD)
    rotate(capsys)
    before = list(SshKey.objects.values_list("sealed_private_key", flat=True))
    assert "0 secrets" in rotate(capsys)
    assert list(SshKey.objects.values_list("sealed_private_key", flat=True)) == before


@pytest.mark.django_db
def test_a_key_that_does_not_open_stays_and_is_told(keys, capsys):
    [lost] = keys(OTHER)
    people(1)
    keys(OLD)
    people(2)
    new, _ = keys(NEW, OLD)
    with pytest.raises(CommandError, match="1 secrets do not open with any of ONDOL_VAULT_KEYS, and stay"):
        rotate(capsys)
    assert sealed.ids_in_use() == {new, lost}
    keys(NEW, OLD, OTHER)
    assert "can go" in rotate(capsys)
    assert opened() == [True] * 3


@pytest.mark.django_db
def test_a_part_without_the_deployments_keys_rotates_nothing(keys, capsys):
    keys(OLD)
    fingerprints.check()
    people(1)
    keys(NEW)
    with pytest.raises(CommandError, match=r"ONDOL_VAULT_KEYS .* lacks .* Nothing was changed\."):
        rotate(capsys)
    keys(OLD)
    assert opened() == [True]


@pytest.mark.django_db
@pytest.mark.parametrize("is_made_again", [False, True])
def test_a_machine_that_ends_meanwhile_does_not_get_its_old_key_back(keys, is_made_again):
    """It ends between the reading and the writing of its key; its owner may have tried again since."""
    keys(OLD)
    people(2)
    keys(NEW, OLD)
    gone = SshKey.objects.order_by("pk").first()

    def end(execute, sql, params, many, context):
        if sql.startswith("UPDATE") and SshKey.objects.filter(pk=gone.pk).exists():
            SshKey.objects.filter(pk=gone.pk).delete()
            if is_made_again:
                keep(gone.instance)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(end):
        assert sealed.reseal().done == 1
    left = SshKey.objects.filter(instance=gone.instance_id)
    assert [sealed.open_key(key) for key in left] == [PEM] * is_made_again


def test_a_worker_with_settings_of_before_seals_nothing_that_would_be_lost(keys, rig, alice, capsys):
    """Its machine is made by a worker that has the new settings."""
    keys(OLD)
    fingerprints.check()
    keys(NEW, OLD)
    rotate(capsys)
    keys(OLD)  # this worker was not started again
    actions.create(alice)
    rig.work()
    rig.tick(2)
    said = capsys.readouterr().err
    assert "was given up for" in said
    assert "Traceback" not in said
    row = rig.mine(alice)
    with translation.override("en"):
        assert trouble_of(row) == str(OUR_OWN["OtherKeys"])
        assert "AWS" not in trouble_of(row)
    assert not SshKey.objects.exists()
    assert not rig.cloud.world.keys, "the key pair that nobody could ever use is not left behind"
    keys(NEW, OLD)
    rig.tick(4)
    row = rig.mine(alice)
    assert row.status == "RUNNING"
    assert "PRIVATE KEY" in sealed.open_key(row.ssh_key)


_ROTATE = "from ondol.commands import main; print('begins', flush=True); main(['vault', 'rotate'])"


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.django_db(transaction=True)
def test_killed_at_any_moment_it_is_continued_while_keys_are_made(keys, tmp_path):
    keys(OLD)
    people(400)
    keys(NEW, OLD)
    name = connection.settings_dict["NAME"]
    url = os.environ["DATABASE_URL"].replace("/ondol?", f"/{name}?")
    secrets = {name: os.environ[name] for name in ("ONDOL_SECRET_KEY", "ONDOL_VAULT_KEYS")}
    env = environment(tmp_path, **secrets, DATABASE_URL=url)
    left = [len(older())]
    while left[-1] and len(left) < 40:
        with subprocess.Popen([sys.executable, "-c", _ROTATE], env=env, stdout=subprocess.PIPE) as rotating:
            rotating.stdout.readline()
            end = time.monotonic() + 20
            while len(older()) > left[-1] - 60 and rotating.poll() is None and time.monotonic() < end:
                people(1)
            rotating.send_signal(signal.SIGKILL)
        assert all(opened()), "a download between"
        left.append(len(older()))
    assert left[-1] == 0
    assert len(left) > 2, "it was killed at least once on its way"
    keys(NEW)
    assert all(opened())


def older():
    return [
        1 for data in SshKey.objects.values_list("sealed_private_key", flat=True) if vault.needs_resealing(bytes(data))
    ]


@pytest.mark.django_db
def test_the_old_key_is_kept_by_the_deployment_until_then(keys):
    old = keys(OLD)[0]
    fingerprints.check()
    people(1)
    new, _ = keys(NEW, OLD)
    fingerprints.check()
    assert sealed.forget_unused() == []
    assert Deployment.current().get().vault_keys == [old, new]
    sealed.reseal()
    assert sealed.forget_unused() == [old]
