"""Idle is a share of one core: whatever the type, a program that works is never below it, and rules keep a distance."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import translation

from ondol.autostop.policies import set_policy
from ondol.config import config
from ondol.doctor import rules as doctor_rules
from ondol.ec2_types import facts_of, vcpus_at_most
from ondol.ec2_types.facts import known_types
from ondol.policy.catalog import stored_fields
from ondol.policy.models import Policy
from ondol.policy.rules import rules_of
from ondol.policy.threshold import Threshold, core_percent_most, cpu_percent, digits, too_near
from tests.instances.rig import made, person

NOTHING = dict.fromkeys(stored_fields()) | {"weekends": True, "zone": "", "why": ""}
ALL = known_types()
BURSTABLE = [name for name in ALL if facts_of(name).is_burstable]


@pytest.mark.parametrize(
    ("kind", "percent"),
    [
        ("t2.small", 5.0), ("m3.medium", 5.0), ("t3.small", 5.0), ("c7i.large", 5.0), ("m7i.xlarge", 2.5),
        ("m7i.4xlarge", 0.625), ("m7i.8xlarge", 0.3125), ("r7i.16xlarge", 0.1562), ("u7in-24tb.224xlarge", 0.0112),
    ],
)  # fmt: skip
def test_ten_per_cent_of_one_core_is_another_threshold_on_each_size(kind, percent):
    assert cpu_percent(10, kind) == percent


def test_on_each_known_type_half_a_core_of_work_is_far_above_the_usual_threshold_and_a_whole_one_above_any():
    for kind in ALL:
        vcpus = facts_of(kind).vcpus
        assert cpu_percent(0.1, kind) > 0
        assert 50 / vcpus >= 4.9 * cpu_percent(10, kind), kind
        assert 100 / vcpus > cpu_percent(99, kind), kind


def test_people_read_the_share_that_was_set_and_on_one_vcpu_the_half_of_it():
    for kind in ALL:
        shown = Threshold.by_rule(10, kind).core_percent
        assert shown == (5 if facts_of(kind).vcpus == 1 else 10), kind


@pytest.mark.parametrize(
    ("percent", "said"), [(5.0, "5"), (12.25, "12.2"), (0.3125, "0.31"), (0.0112, "0.011"), (99.0, "99")]
)
def test_small_thresholds_are_not_rounded_to_nothing(percent, said):
    assert digits(percent) == said


@pytest.mark.parametrize("kind", ["m99.large", "m99.8xlarge", "t9.nano", "x99.metal", "m99.888xlarge", "m99"])
def test_a_type_that_ondol_does_not_know_counts_as_the_largest_it_may_be(kind):
    of_its_size = [facts_of(name).vcpus for name in ALL if facts_of(name).size == facts_of(kind).size]
    most = max(of_its_size or [facts_of(name).vcpus for name in ALL])
    assert facts_of(kind).vcpus is None
    assert vcpus_at_most(kind) == most
    assert cpu_percent(10, kind) == round(10 / max(most, 2), 4)


@pytest.mark.parametrize("kind", BURSTABLE)
def test_on_a_burstable_type_without_credits_work_at_its_baseline_is_twice_the_largest_threshold_or_more(kind):
    most, baseline = core_percent_most([kind]), facts_of(kind).baseline_percent
    assert cpu_percent(most, kind) < baseline / 2
    assert too_near(most, [kind]) is None
    if most < 99:
        near = too_near(round(most + 0.1, 1), [kind, "m7i.large"])
        assert (near.types, near.baseline_percent, near.core_percent_most) == ((kind,), baseline, most)


@pytest.mark.parametrize(
    ("kind", "most"),
    [("t3.nano", 4.9), ("t3.micro", 9.9), ("t2.nano", 4.9), ("t2.micro", 9.9), ("t3.small", 19.9), ("t3.large", 29.9)],
)
def test_five_per_cent_is_too_near_on_micro_and_smaller_and_right_on_what_is_installed(kind, most):
    assert core_percent_most([kind, "t3.2xlarge"]) == most
    assert too_near(10, config().permitted_types) is None


# What is set


@pytest.fixture
def permit(db, monkeypatch):
    return lambda *types: monkeypatch.setattr(config(), "instance_types", types)


@pytest.mark.parametrize(
    ("kind", "percent"), [("t3.medium", 10), ("t3.micro", 9.9), ("t4g.nano", 4.9), ("m7i.large", 10)]
)
def test_a_new_installation_does_not_contradict_itself(permit, kind, percent):
    permit("t3.large", kind)
    assert rules_of(None).idle_core_percent == percent
    assert [finding.code for finding in doctor_rules.check()] == ["sound"]


def test_the_old_setting_is_read_as_per_cent_of_two_vcpus_and_the_new_one_wins(permit, monkeypatch):
    monkeypatch.setattr(config(), "idle_cpu_percent", 2.5)
    assert rules_of(None).idle_core_percent == 5
    monkeypatch.setattr(config(), "idle_core_percent", 8.0)
    assert rules_of(None).idle_core_percent == 8


def refusal(owner, **values):
    """Return the field and the sentence by which Ada's rule is refused."""
    with pytest.raises(ValidationError) as error:
        set_policy(owner, person("ada", admin=True), NOTHING | values)
    [(field, [mistake])] = error.value.message_dict.items()
    return field, mistake


@pytest.mark.parametrize(
    ("permitted", "values", "most"),
    [
        (("t3.micro",), {"idle_core_percent": Decimal(20)}, "at most 9.9%"),
        (("t3.micro",), {"idle_core_percent": Decimal(20), "instance_types": ["t3.small"]}, "at most 19.9%"),
        (("t3.nano",), {"idle_core_percent": Decimal("9.9"), "instance_types": ["t3.nano"]}, "at most 4.9%"),
    ],
)
def test_a_share_that_is_too_near_a_permitted_type_is_refused_with_the_nearest_that_is_right(
    permit, permitted, values, most
):
    permit(*permitted)
    with translation.override("en"):
        field, mistake = refusal(None, **values)
    assert field == "idle_core_percent"
    assert most in mistake
    assert not Policy.objects.exists()


def test_types_that_the_inherited_share_rules_out_are_refused_at_the_types(permit, monkeypatch):
    permit("t3.micro")
    monkeypatch.setattr(config(), "idle_core_percent", 15.0)
    bob = person("bob")
    field, mistake = refusal(bob, instance_types=["t3.micro"])
    assert field == "instance_types"
    assert "t3.micro" in mistake
    assert set_policy(bob, bob, NOTHING | {"awake_hours": 3}), "what is not about that may be set"


def test_a_default_share_is_refused_if_it_is_wrong_for_bob_alone(permit):
    permit("t3.small", "t3.micro")
    bob, ada = person("bob"), person("ada", admin=True)
    set_policy(None, ada, NOTHING | {"instance_types": ["t3.small"], "idle_core_percent": 9})
    set_policy(bob, ada, NOTHING | {"instance_types": ["t3.micro"]})
    with pytest.raises(ValidationError, match=r"Bob.*t3\.micro"):
        set_policy(None, ada, NOTHING | {"instance_types": ["t3.small"], "idle_core_percent": 15})
    set_policy(bob, ada, NOTHING | {"instance_types": ["t3.micro"], "idle_core_percent": 8})
    assert set_policy(None, ada, NOTHING | {"instance_types": ["t3.small"], "idle_core_percent": 15})


def findings():
    return [
        (finding.code, finding.params.get("whose", ""), finding.params.get("most")) for finding in doctor_rules.check()
    ]


def test_doctor_shows_what_is_stored_and_too_near(permit):
    permit("t3.small", "t3.micro")
    bob = person("bob")
    Policy.objects.create(owner=None, idle_core_percent=10)
    Policy.objects.create(owner=bob, idle_core_percent=120, instance_types=["m7i.large"])
    assert findings() == [("default_too_near", "", "9.9"), ("a_core", str(bob), "99")]


def test_doctor_looks_at_machines_whose_type_is_not_permitted_any_more(db):
    alice = person("alice")
    instance = made(alice, status="RUNNING")
    assert findings() == [("sound", "", None)]
    type(instance).objects.update(seen_type="t3.micro")
    assert findings() == [("too_near", str(alice), "9.9")]


def test_doctor_names_types_that_ondol_does_not_know(permit):
    permit("m99.large")
    assert findings() == [("unknown_types", "", None)]


# The upgrade


def migrated(name):
    """Migrate to a version, and check what PostgreSQL has put off: the tables are altered again in this transaction."""
    connection.check_constraints()
    executor = MigrationExecutor(connection)
    model = executor.migrate([("policy", name)]).apps.get_model("policy", "Policy")
    connection.check_constraints()
    return model


def test_policies_are_carried_over_so_that_two_vcpus_keep_their_exact_threshold(as_owner):
    old = migrated("0004_gib")
    kept = {
        None: Decimal("5.0"),
        person("bob").pk: Decimal("2.3"),
        person("carol").pk: None,
        person("dan").pk: Decimal(99),
    }
    for owner, percent in kept.items():
        old.objects.create(owner_id=owner, idle_cpu_percent=percent, awake_hours=3)
    new = migrated("0005_idle_in_cores")
    for owner, percent in kept.items():
        policy = new.objects.get(owner_id=owner)
        assert policy.awake_hours == 3
        if percent is None:
            assert policy.idle_core_percent is None
        else:
            assert cpu_percent(float(policy.idle_core_percent), "t3.small") == float(percent)
    old = migrated("0004_gib")
    assert {policy.owner_id: policy.idle_cpu_percent for policy in old.objects.all()} == kept
    migrated("0005_idle_in_cores")
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
