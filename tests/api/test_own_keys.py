"""Keys of people's own over the API."""

from json import dumps

import pytest

from ondol.instances.models import ChosenKey, Instance, SshKey
from ondol.keys import public_key
from tests.instances.keys import PEM, keep

HERS = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"


def test_alice_asks_for_a_machine_with_her_key_and_sees_which_it_is(alice):
    answer = alice.post("/instances", dumps({"public_key": f"{HERS} alice@lab"}))
    assert answer.status_code == 202
    assert answer.json()["instance"]["key"] is None, "it is not made yet"
    chosen = ChosenKey.objects.get()
    assert (chosen.public_key, chosen.origin, chosen.comment) == (HERS, "own", "alice@lab")
    row = Instance.objects.get()
    SshKey.objects.create(instance=row, origin="own", public_key=HERS, comment="alice@lab", key_pair_name="k")
    shown = alice.get("/instances/status").json()["instance"]["key"]
    assert shown == {"origin": "own", "fingerprint": public_key.parse(HERS).fingerprint, "comment": "alice@lab"}
    Instance.objects.update(status="RUNNING")
    refused = alice.post("/instances/ssh-key")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "key_not_kept")


def test_a_key_that_aws_has_made_shows_what_ec2_shows(alice, machine):
    key = keep(machine(alice))
    shown = alice.get("/instances/status").json()["instance"]["key"]
    assert shown == {"origin": "aws", "fingerprint": key.fingerprint, "comment": ""}


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ("ssh-rsa AAAA", 400, "public_key_damaged"),
        (PEM, 400, "public_key_private"),
        (f"{HERS}\n{HERS}", 400, "public_key_lines"),
        (" ", 400, "public_key_empty"),
        ("x" * 4001, 422, "invalid"),
        (f"{HERS}\0", 422, "invalid"),
        (7, 422, "invalid"),
        ([HERS], 422, "invalid"),
        ({"line": HERS}, 422, "invalid"),
    ],
)
def test_what_is_no_key_is_refused_and_not_repeated(alice, sent, status, code):
    answer = alice.post("/instances", dumps({"public_key": sent}))
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "AAAA" not in answer.content.decode()
    assert PEM.splitlines()[2] not in answer.content.decode()
    assert not Instance.objects.exists()
