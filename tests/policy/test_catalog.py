"""The rules are one list: what an entry does not allow is never saved, and the docs say what it says."""

import subprocess
import sys
from datetime import time
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from ondol.autostop.policies import set_policy
from ondol.config import config
from ondol.policy.catalog import Rules, all_rules, stored_fields
from ondol.policy.models import Policy, PolicyChange
from ondol.policy.rules import inherited_rules, rules_of
from tests.instances.rig import person

pytestmark = pytest.mark.django_db
NOTHING = dict.fromkeys(stored_fields()) | {"weekends": True, "zone": "", "why": ""}


WORKDAYS = {"has_hours": True, "opens_at": time(9), "closes_at": time(22), "weekends": False, "zone": "Asia/Seoul"}


@pytest.mark.parametrize(
    "values",
    [
        {"idle_minutes": 31}, {"idle_minutes": 10}, {"idle_minutes": 725}, {"idle_core_percent": Decimal(0)},
        {"awake_hours": 48}, {"instance_types": ["x2iedn.32xlarge"]}, {"volume_gib_max": 5}, {"volume_gib_max": 16385},
        WORKDAYS | {"opens_at": None}, WORKDAYS | {"zone": "Asia/Nowhere"},
        WORKDAYS | {"opens_at": time(9), "closes_at": time(9), "weekends": True},
    ],
)  # fmt: skip
def test_what_a_rule_does_not_allow_is_kept_for_nobody(values):
    with pytest.raises(ValidationError):
        set_policy(None, person("ada"), NOTHING | values)
    assert not Policy.objects.exists()
    assert not PolicyChange.objects.exists()


def test_what_the_rules_allow_is_kept():
    values = {"idle_minutes": 720, "idle_core_percent": Decimal("0.1"), "awake_hours": 0, **WORKDAYS}
    assert set_policy(None, person("ada"), NOTHING | values)
    assert rules_of(None).hours.closes == time(22)


def test_each_field_of_a_policy_belongs_to_one_rule():
    kept = [name for rule in all_rules() for name in rule.stored]
    assert len(kept) == len(set(kept))
    columns = {field.name for field in Policy._meta.get_fields()}
    assert set(stored_fields()) == columns - {"id", "owner", "set_by", "set_at"}


def test_what_is_installed_is_what_a_form_would_allow():
    for rule in all_rules():
        if rule.name != "hours":
            rule.form_fields()[rule.name].clean(getattr(inherited_rules(None), rule.name))


def test_idle_minutes_have_the_limits_of_the_setting(monkeypatch):
    assert (Rules.idle_minutes.least, Rules.idle_minutes.most, Rules.idle_minutes.step) == (15, 720, 5)
    monkeypatch.setattr(config(), "idle_minutes", 45)
    assert rules_of(None).idle_minutes == 45


def test_the_table_in_the_docs_is_that_of_the_list(request):
    done = subprocess.run(
        [sys.executable, "scripts/rules", "--check"], cwd=request.config.rootpath, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
