"""One person as administrators see them, and the end of their machine."""

from decimal import Decimal
from functools import cached_property

from ondol.accounts import proof
from ondol.accounts.models import Approval, Decision, User
from ondol.config import config
from ondol.instances.models import StatusChange
from ondol.policy.catalog import Source, all_rules
from ondol.policy.models import PolicyChange
from ondol.policy.rules import rules_of
from ondol.web.activity.lines import Line, told
from ondol.web.page import Page
from ondol.web.people.page import PersonEntry, entries_of
from ondol.web.person.forms import ReasonForm, RejectForm, TerminateForm, VouchForm
from ondol.web.policy.facts import Fact, describe_value
from ondol.web.unconfirmed import Unconfirmed, unconfirmed


class PersonPage(Page):
    """Show everything an administrator needs to know, and may do."""

    template = "person/page.html"
    reader: User
    form: ReasonForm
    is_open: bool
    """Whether the reason is asked for at once."""

    def __init__(
        self, reader: User, person: User, form: ReasonForm | None = None, *, is_rejecting: bool = False
    ) -> None:
        self.reader, self._person = reader, person
        self.form = form or (RejectForm() if person.approval == Approval.PENDING else ReasonForm())
        self.is_open = self.form.is_bound or is_rejecting
        if self.is_open:
            self.form.fields["reason"].widget.attrs["autofocus"] = True

    @cached_property
    def entry(self) -> PersonEntry:
        return entries_of([self._person])[0]

    @property
    def nothing(self) -> Decimal:
        """Return the costs of somebody without a machine."""
        return Decimal()

    @cached_property
    def has_proven(self) -> bool | None:
        """Return whether their address is proven; None where nobody asks for that."""
        return proof.is_proven(self._person) if config().wants_proof else None

    @property
    def vouch_form(self) -> VouchForm:
        return VouchForm()

    @cached_property
    def unconfirmed(self) -> Unconfirmed | None:
        return unconfirmed(self.reader)

    @cached_property
    def own_rules(self) -> list[Fact]:
        """Return the rules that are set for them alone."""
        rules = rules_of(self._person.pk)
        own = [rule for rule in all_rules() if rules.sources[rule.name] is Source.OWN]
        return [Fact(rule.label, describe_value(rules, rule), "") for rule in own]

    @cached_property
    def history(self) -> list[Line]:
        """Return the newest decisions about them, changes of their machines and of their rules."""
        changes = StatusChange.objects.filter(instance__owner=self._person).select_related("by", "instance")
        return told(
            Decision.objects.filter(user=self._person).select_related("by"),
            changes.order_by("-at", "-id"),
            PolicyChange.objects.filter(owner=self._person).select_related("owner", "by"),
        )[:30]


class TerminatePage(Page):
    """Say what will be lost, and ask for the owner's address."""

    template = "person/terminate.html"
    entry: PersonEntry
    form: TerminateForm

    def __init__(self, entry: PersonEntry, form: TerminateForm) -> None:
        self.entry, self.form = entry, form
