"""/api/instances: types and disks."""

from json import dumps

import pytest

from ondol.api.deprecated import OLD_MEMORY
from ondol.config import config
from ondol.instances.models import Instance
from ondol.instances.states import Status


@pytest.fixture(autouse=True)
def three_types(monkeypatch):
    monkeypatch.setattr(config(), "instance_types", ("t3.large", "t3.medium"))


def test_alice_sees_what_she_may_choose_smallest_first_with_prices(alice):
    told = alice.get("/instances/offers").json()
    assert [one["instance_type"] for one in told["types"]] == ["t3.small", "t3.medium", "t3.large"]
    large = {"instance_type": "t3.large", "vcpus": 2, "memory_gib": 8.0, OLD_MEMORY: 8.0}
    price = {"running_hour": "0.109", "resting_month": "2.8360", "typical_month": "22.0200"}
    assert told["types"][2] == large | {"price": price}
    assert told["chosen"]["instance_type"] == "t3.small"
    assert (told["volume_gib"], told["volume_gib_min"], told["volume_gib_max"]) == (30, 30, 100)


def test_a_machine_is_made_as_wished_or_as_usual(alice, ada):
    assert alice.post("/instances", dumps({"instance_type": "t3.medium", "volume_gib": 50})).status_code == 202
    ada.post("/instances")
    made = Instance.objects.values_list("owner__email", "instance_type", "volume_gib")
    assert set(made) == {(alice.user.email, "t3.medium", 50), (ada.user.email, "t3.small", 30)}


def test_what_is_not_permitted_is_refused_with_what_is(alice):
    response = alice.post("/instances", dumps({"instance_type": "m5.large"}))
    assert (response.status_code, response.json()["error"]["code"]) == (422, "type_not_permitted")
    assert response.json()["error"]["hint"] == "Permitted: t3.small, t3.medium, t3.large."
    assert not Instance.objects.exists()


def test_a_resting_machine_may_be_given_another_size(alice, machine):
    machine(alice, Status.STOPPED)
    response = alice.post("/instances/size", dumps({"instance_type": "t3.large", "volume_gib": 40}))
    assert response.status_code == 202
    told = response.json()["instance"]
    assert (told["instance_type"], told["volume_gib"]) == ("t3.large", 40)


@pytest.mark.parametrize(
    ("status", "wish", "answer"),
    [
        (Status.RUNNING, {"instance_type": "t3.large"}, (409, "not_stopped")),
        (Status.STOPPING, {"volume_gib": 40}, (409, "not_settled")),
        (Status.STOPPED, {"volume_gib": 20}, (422, "disk_shrinks")),
        (Status.STOPPED, {"volume_gib": 101}, (422, "disk_not_permitted")),
    ],
)
def test_what_cannot_be_now_is_refused(alice, machine, status, wish, answer):
    machine(alice, status)
    response = alice.post("/instances/size", dumps(wish))
    assert (response.status_code, response.json()["error"]["code"]) == answer
