"""The default rules, or those of one person, and the form that changes them."""

from functools import cached_property

from ondol.accounts.models import User
from ondol.policy.catalog import Rules
from ondol.policy.models import Policy, PolicyChange
from ondol.policy.rules import rules_of, says_anything
from ondol.web.activity.lines import Line, policy_lines
from ondol.web.page import Page
from ondol.web.policy.facts import Fact, facts_of
from ondol.web.policy.form import PolicyForm


class PolicyPage(Page):
    """Show which rules apply, change them, and say who has rules of their own."""

    template = "policy/page.html"
    person: User | None
    """None for the default rules."""
    form: PolicyForm

    def __init__(self, person: User | None, form: PolicyForm) -> None:
        self.person, self.form = person, form

    @cached_property
    def rules(self) -> Rules:
        return rules_of(self.person.pk if self.person else None)

    @cached_property
    def facts(self) -> list[Fact]:
        return facts_of(self.rules)

    @cached_property
    def others(self) -> list[Policy]:
        """Return the policies of single people."""
        if self.person:
            return []
        own = Policy.objects.exclude(owner=None).select_related("owner").order_by("owner__name")
        return [policy for policy in own if says_anything(policy)]

    @cached_property
    def changes(self) -> list[Line]:
        return policy_lines(PolicyChange.objects.filter(owner=self.person).select_related("owner", "by")[:20])
