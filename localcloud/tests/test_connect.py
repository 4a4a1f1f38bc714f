"""Who comes in: the keys of authorized_keys as they are now, and for a minute what EC2 Instance Connect was sent."""

import json
import subprocess
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from trial import Machine, Trial

pytestmark = pytest.mark.slow
KEYS = "~/.ssh/authorized_keys"


def new_key(trial: Trial, name: str) -> tuple[Path, str]:
    file = trial.home.parent / name
    file.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(file)], check=True)
    return file, file.with_suffix(".pub").read_text().strip()


def invite(machine: Machine, public_key: str, user: str = "ubuntu") -> None:
    connect = machine.trial.client("ec2-instance-connect")
    assert connect.send_ssh_public_key(InstanceId=machine.id, InstanceOSUser=user, SSHPublicKey=public_key)["Success"]


def refused(machine: Machine, **how: object) -> bool:
    done = machine.ssh("true", **how)
    return done.returncode == 255 and "Permission denied" in done.stderr


def test_a_key_that_instance_connect_was_sent_opens_that_machine_for_that_user(yuna: Machine) -> None:
    key, public_key = new_key(yuna.trial, "minute")
    assert refused(yuna, key=key)
    invite(yuna, public_key, user="root")
    assert refused(yuna, key=key)
    assert refused(yuna, key=key, user="root")
    invite(yuna, public_key)
    assert yuna.ssh("true", key=key).returncode == 0


def test_authorized_keys_is_what_counts_at_each_connection(yuna: Machine) -> None:
    mine, (key, public_key) = yuna.says(f"cat {KEYS}"), new_key(yuna.trial, "second")
    yuna.says(f"echo 'no key at all' >> {KEYS}; echo '{public_key}' >> {KEYS}")
    assert yuna.ssh("true", key=key).returncode == 0
    yuna.says(f"printf '%s\\n' 'command=\"echo only this\" {public_key}' '{mine}' > {KEYS}")
    assert yuna.ssh("id", key=key).stdout == "only this\n"
    yuna.says(f"echo '{mine}' > {KEYS}")
    assert refused(yuna, key=key)


@pytest.mark.parametrize(
    "spoiled",
    [
        f"rm {KEYS}",
        f"rm {KEYS}; mkfifo {KEYS}",
        f"chmod 666 {KEYS}",
        "chmod 777 ~/.ssh",
        f"mv {KEYS} ~/k; ln -s ~/k {KEYS}",
    ],
)
def test_a_file_that_is_missing_or_open_to_others_lets_nobody_in_but_by_instance_connect(
    yuna: Machine, spoiled: str
) -> None:
    key, public_key = new_key(yuna.trial, "rescue")
    mine = yuna.says(f"cat {KEYS}")
    yuna.says(spoiled)
    assert refused(yuna)
    invite(yuna, public_key)
    rescue = f"rm -f {KEYS}; echo '{mine}' > {KEYS}; chmod 600 {KEYS}; chmod 700 ~/.ssh"
    assert yuna.ssh(rescue, key=key).returncode == 0
    assert yuna.says("echo in") == "in"


def test_instance_connect_refuses_what_amazons_refuses(yuna: Machine) -> None:
    connect, (_, public_key) = yuna.trial.client("ec2-instance-connect"), new_key(yuna.trial, "refused")
    asked = {"InstanceId": yuna.id, "InstanceOSUser": "ubuntu", "SSHPublicKey": public_key}
    for wrong, code in (
        ({"InstanceId": "i-0123456789abcdef0"}, "EC2InstanceNotFoundException"),
        ({"SSHPublicKey": "ssh-ed25519 " + "A" * 80}, "InvalidArgsException"),
    ):
        with pytest.raises(ClientError) as error:
            connect.send_ssh_public_key(**{**asked, **wrong})
        assert error.value.response["Error"]["Code"] == code
    yuna.stop()
    with pytest.raises(ClientError) as error:
        connect.send_ssh_public_key(**asked)
    assert error.value.response["Error"]["Code"] == "EC2InstanceStateInvalidException"
    yuna.start()


def test_a_policy_narrows_it_to_a_user_and_to_tagged_machines(yuna: Machine) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "ec2-instance-connect:SendSSHPublicKey",
        "Resource": "arn:aws:ec2:*:*:instance/*",
        "Condition": {"StringEquals": {"aws:ResourceTag/Owner": yuna.owner, "ec2:osuser": "ubuntu"}},
    }
    file, (_, public_key) = yuna.trial.home / "policy.json", new_key(yuna.trial, "judged")
    connect = yuna.trial.client("ec2-instance-connect")
    asked = {"InstanceId": yuna.id, "InstanceOSUser": "ubuntu", "SSHPublicKey": public_key}
    try:
        file.write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        assert connect.send_ssh_public_key(**asked)["Success"]
        for other in ({"InstanceOSUser": "root"}, {"InstanceId": "i-0123456789abcdef0"}):
            with pytest.raises(ClientError) as error:
                connect.send_ssh_public_key(**{**asked, **other})
            assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    finally:
        file.unlink()
