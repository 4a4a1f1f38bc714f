"""What every template may read beside its page. Nothing is queried before a template uses it."""

from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.http import HttpRequest

from ondol import __version__, clock
from ondol.accounts import proof, second_factor
from ondol.accounts.models import User
from ondol.clock import Clock
from ondol.config import config
from ondol.costs.bills import rate_in_won
from ondol.outbox.summary import Summary, is_alarming, summary
from ondol.web.announcement.shown import Board
from ondol.web.stop_notice import StopNotice, stop_notice_of


class Site:
    """Hold what `base.html` and its parts read, on every page."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def trial_clock(self) -> Clock | None:
        """Return the clock of a trial; None if machines are on real time."""
        machines_clock = clock.clock()
        return None if machines_clock.is_real else machines_clock

    @property
    def version(self) -> str:
        return __version__

    @property
    def now(self) -> datetime:
        return clock.now()

    @property
    def clock_speed(self) -> float:
        return clock.clock().speed

    @cached_property
    def stop_notice(self) -> StopNotice | None:
        """Return when the reader's machine will stop."""
        return stop_notice_of(self._request)

    @cached_property
    def krw(self) -> Decimal | None:
        """Return the price of a dollar in won; None if no rate is set."""
        return rate_in_won()

    @cached_property
    def outbox(self) -> Summary | None:
        """Return the state of e-mails if administrators should look at it; None while all is well. No e-mail can report
        that e-mails fail."""
        user = self._request.user
        is_shown = isinstance(user, User) and user.is_admin and is_alarming()
        return summary() if is_shown else None

    @cached_property
    def second_factor_due(self) -> datetime | None:
        """Return until when the reader may administrate without a second factor; None if none is missing."""
        user = self._request.user
        return second_factor.due_at(user) if isinstance(user, User) else None

    @cached_property
    def people_waiting(self) -> int:
        """Return the number of pending requests; if e-mails prove addresses, only those with proven ones."""
        return proof.to_announce().count()


def site(request: HttpRequest) -> dict[str, Any]:
    """Return Django's context: `site` for our pages, `site_url` for allauth's e-mails.

    allauth's pages have a `site` of their own.
    """
    return {
        "site": Site(request),
        "board": Board(request),
        "site_url": config().url,
        "has_passwords": config().password_sign_in,
    }
