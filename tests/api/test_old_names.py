"""The API once said GB for GiB: for one more release, programs may use the old names beside the new ones."""

from json import dumps

import pytest

from ondol.api.deprecated import OLD_MEMORY, OLD_VOLUME, OLD_VOLUME_MAX, OLD_VOLUME_MIN
from ondol.instances.models import Instance
from ondol.instances.states import Status
from tests.api.caller import Program, person, refusal

OLD_NAMES = {
    OLD_VOLUME: "volume_gib",
    OLD_VOLUME_MIN: "volume_gib_min",
    OLD_VOLUME_MAX: "volume_gib_max",
    OLD_MEMORY: "memory_gib",
}
PATHS = ["/instances", "/instances/size"]


@pytest.fixture
def resting(alice, machine):
    """Give Alice a stopped machine with 30 GiB."""
    return machine(alice, Status.STOPPED)


def test_old_names_are_what_programs_have_known():
    assert list(OLD_NAMES) == ["volume_gb", "volume_gb_min", "volume_gb_max", "memory_gb"]


@pytest.mark.usefixtures("resting")
def test_alice_reads_the_size_of_her_machine_by_either_name(alice):
    shown = alice.get("/instances/status").json()["instance"]
    assert shown["volume_gib"] == shown[OLD_VOLUME] == 30


def test_alice_reads_what_she_may_choose_by_either_name(alice):
    told = alice.get("/instances/offers").json()
    for part in (told, told["chosen"], *told["types"]):
        both = {new: part[old] for old, new in OLD_NAMES.items() if old in part}
        assert both
        assert both.items() <= part.items()


@pytest.mark.usefixtures("resting")
@pytest.mark.parametrize("names", [["volume_gib"], [OLD_VOLUME], ["volume_gib", OLD_VOLUME]])
def test_alice_lets_her_disk_grow_by_either_name_or_both(alice, names):
    response = alice.post("/instances/size", dumps(dict.fromkeys(names, 40)))
    assert response.status_code == 202
    assert response.json()["instance"]["volume_gib"] == 40


@pytest.mark.parametrize("name", ["volume_gib", OLD_VOLUME])
def test_a_machine_is_made_with_the_disk_that_was_asked_for(alice, name):
    response = alice.post("/instances", dumps({name: 50}))
    assert response.json()["instance"]["volume_gib"] == 50


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("names", [("volume_gib", OLD_VOLUME), (OLD_VOLUME, "volume_gib")])
def test_two_sizes_at_once_are_refused_with_a_sentence(alice, path, names):
    told = refusal(alice.post(path, dumps(dict(zip(names, (40, 50), strict=True)))), 422)
    assert told["code"] == "invalid"
    assert told["hint"] == (f"{OLD_VOLUME}: the old name of volume_gib, which has another value; send volume_gib alone")
    assert not Instance.objects.exists()


@pytest.mark.parametrize("size", [0, 16385, "many"])
def test_the_old_name_is_checked_like_the_new_one(alice, size):
    hints = [refusal(alice.post("/instances", dumps({name: size})), 422)["hint"] for name in ("volume_gib", OLD_VOLUME)]
    assert hints[0].removeprefix("volume_gib") == hints[1].removeprefix(OLD_VOLUME)


def test_the_name_of_the_field_in_the_code_is_not_on_the_wire(alice):
    assert "not known here" in refusal(alice.post("/instances", dumps({"old_volume": 40})), 422)["hint"]


def test_the_description_says_which_names_are_old(nobody):
    schemas = nobody.get("/openapi.json").json()["components"]["schemas"]
    deprecated = {
        (schema, name)
        for schema, described in schemas.items()
        for name, field in described.get("properties", {}).items()
        if field.get("deprecated")
    }
    assert deprecated == {
        ("Machine", OLD_VOLUME),
        ("MachineWish", OLD_VOLUME),
        ("SizeWish", OLD_VOLUME),
        ("TypeOffer", OLD_MEMORY),
        ("OffersAnswer", OLD_VOLUME),
        ("OffersAnswer", OLD_VOLUME_MIN),
        ("OffersAnswer", OLD_VOLUME_MAX),
    }
    for schema, old in deprecated:
        assert OLD_NAMES[old] in schemas[schema]["properties"]
        assert OLD_NAMES[old] in schemas[schema]["properties"][old]["description"]


def test_a_korean_program_is_refused_in_korean():
    alice = Program(person("alice", language="ko"))
    hint = refusal(alice.post("/instances", dumps({"volume_gib": 40, OLD_VOLUME: 50})), 422)["hint"]
    assert "volume_gib 필드만 보내십시오" in hint
