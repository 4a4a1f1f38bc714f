"""What every template may use. Nothing here asks the database before a template does."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from ondol import clock
from ondol.accounts.models import Approval, User
from ondol.config import config
from ondol.policy.rules import rules_of
from ondol.web.stop_notice import sight_of


def site(request: HttpRequest) -> dict[str, Any]:
    """The trial's clock, where there is one; how many people wait, for administrators."""
    machines_clock = clock.clock()
    return {
        "trial_clock": None if machines_clock.is_real else machines_clock,
        "clock_now": clock.now,
        "clock_speed": machines_clock.speed,
        "rules": SimpleLazyObject(lambda: rules_of(request.user.pk)),
        "sight": SimpleLazyObject(lambda: sight_of(request)),
        "site_url": config().url,
        "people_waiting": lambda: User.objects.filter(approval=Approval.PENDING, is_active=True).count(),
    }
