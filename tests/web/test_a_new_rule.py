"""A rule is one entry of one list: Ada finds a new one in the form, among the facts and in the activity."""

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.urls import reverse

from ondol.accounts.models import Role
from ondol.autostop.policies import set_policy, version_of
from ondol.policy import rules as policy_rules
from ondol.policy.catalog import Rules, stored_fields
from ondol.policy.kinds import Number
from ondol.policy.models import Policy
from ondol.policy.rules import Source, inherited_rules, rules_of
from ondol.web.policy.facts import facts_of
from tests.web.conftest import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def lunch(as_owner):
    """Add a new rule: a column, and an entry in the list. Nothing else knows of it."""
    column = models.PositiveIntegerField(null=True)
    column.contribute_to_class(Policy, "lunch_minutes")
    with connection.schema_editor() as editor:
        editor.add_field(Policy, column)
    Rules.lunch_minutes = Number(
        label="Lunch",
        describe=lambda minutes: f"{minutes} minutes of lunch",
        asks="Lunch",
        changed="lunch",
        least=20,
        most=90,
        default=lambda: 45,
    )
    Rules.lunch_minutes.__set_name__(Rules, "lunch_minutes")
    _write_statements_again()
    yield
    _write_statements_again()
    del Rules.lunch_minutes
    Policy._meta.local_fields.remove(column)
    Policy._meta._expire_cache()
    del Policy.lunch_minutes


def _write_statements_again():
    """Forget the SQL that this process keeps, which names the columns."""
    vars(policy_rules._OF_ONE).pop("_written", None)


def test_a_rule_that_is_added_to_the_list_is_everywhere(lunch, browser_of):
    ada, bob = person("ada@example.org", role=Role.ADMIN), person("bob@example.org")
    desk, path = browser_of(ada), f"/admin/policy/{bob.pk}/"
    assert "20 to 90." in desk.get(path).text
    assert 'placeholder="45"' in desk.get(path).text, "the form says what is inherited"

    answer = desk.post(path, {"lunch_minutes": "15"})
    assert "lunch_minutes" in answer.context["form"].errors, "the form keeps to its limits"
    assert not Policy.objects.exists()

    desk.post(path, {"lunch_minutes": "60"})
    rules = rules_of(bob.pk)
    assert (rules.lunch_minutes, rules.sources["lunch_minutes"]) == (60, Source.OWN)
    assert (rules_of(ada.pk).lunch_minutes, inherited_rules(bob.pk).lunch_minutes) == (45, 45)
    assert ("Lunch", "60 minutes of lunch") in [(fact.name, fact.value) for fact in facts_of(rules)]
    assert 'value="60"' in desk.get(path).text

    desk.post(path, {"lunch_minutes": "75", "seen": str(version_of(bob))})
    assert "lunch 60 → 75" in desk.get("/admin/activity/").text
    with pytest.raises(ValidationError):
        set_policy(bob, ada, dict.fromkeys(stored_fields()) | {"zone": "", "why": "", "lunch_minutes": 100})
    assert "Lunch" in browser_of(bob).get(reverse("account")).text, "Bob sees it among his rules"
