"""The latest actions."""

from functools import cached_property

from ondol.accounts.models import Decision
from ondol.instances.models import StatusChange
from ondol.policy.models import PolicyChange
from ondol.web.activity.lines import Line, told
from ondol.web.page import Page


class ActivityPage(Page):
    """Show decisions, changes of machines and of rules, newest first."""

    template = "activity/page.html"

    @cached_property
    def lines(self) -> list[Line]:
        return told(
            Decision.objects.select_related("user", "by"),
            StatusChange.objects.select_related("instance__owner", "by").order_by("-at", "-id"),
            PolicyChange.objects.select_related("owner", "by"),
        )
