"""The default rules, or those of one person: the form that changes them, and what a change would do."""

from functools import cached_property

from ondol.accounts.models import User
from ondol.autostop.policies import RulesChangedError, can_undo, is_undo, last_change
from ondol.policy.models import Policy, PolicyChange
from ondol.policy.rules import says_anything
from ondol.web.activity.lines import Line, policy_lines
from ondol.web.page import Page
from ondol.web.policy.facts import changed
from ondol.web.policy.form import PolicyForm
from ondol.web.policy.preview import PreviewCard


class PolicyPage(Page):
    """Change rules after a preview, undo the last change, and list people with rules of their own."""

    template = "policy/page.html"
    person: User | None
    """None for the default rules."""
    form: PolicyForm
    version: int
    """The version that the form was made from: it replaces no newer one."""
    preview: PreviewCard | None
    stale: RulesChangedError | None
    is_busy: bool
    """Another preview is being made."""

    def __init__(
        self,
        person: User | None,
        form: PolicyForm,
        version: int,
        preview: PreviewCard | None = None,
        stale: RulesChangedError | None = None,
        *,
        is_busy: bool = False,
    ) -> None:
        self.person, self.form, self.version, self.preview, self.stale = person, form, version, preview, stale
        self.is_busy = is_busy

    @cached_property
    def last(self) -> PolicyChange | None:
        """Return the newest change, if it can be undone."""
        last = last_change(self.person)
        return last if last and can_undo(last) else None

    @cached_property
    def is_undone(self) -> bool:
        """Return whether the newest change has undone the one before: to undo it is to apply that one again."""
        return self.last is not None and is_undo(self.last)

    @property
    def last_changed(self) -> str:
        """Return what it has changed, in words."""
        return changed(self.last.what) if self.last else ""

    @property
    def meanwhile(self) -> list[tuple[PolicyChange, str]]:
        """Return what others have changed since the form was made, and what that was, in words."""
        return [(change, changed(change.what)) for change in self.stale.changes] if self.stale else []

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
