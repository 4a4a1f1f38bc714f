"""Your own machine: all that the dashboard shows, and the fragment that is replaced while something changes."""

from functools import cached_property

from ondol.costs.bills import this_month
from ondol.costs.offers import Choice, Offers, offers_for
from ondol.costs.prices import Price, price_of
from ondol.instances import own_keys
from ondol.instances.models import Instance
from ondol.instances.own_keys import KeyFacts
from ondol.instances.resizing import substitute
from ondol.instances.states import Status
from ondol.policy.rules import Rules, rules_of
from ondol.policy.threshold import Threshold
from ondol.web import badge
from ondol.web.costs.statement import Statement, statement_of
from ondol.web.cpu.page import CpuPage, cpu_page
from ondol.web.guards import PersonRequest
from ondol.web.history.event import Event
from ondol.web.history.timeline import LATEST, timeline
from ondol.web.machine.card import Ended, MachineCard, card_of, last_ended
from ondol.web.machine.connect import Connect, Tab, connect_to, system_of, tabs_for
from ondol.web.machine.offer import Offer, offer
from ondol.web.machine.size import SizeChoice, size_of
from ondol.web.page import Page
from ondol.web.unconfirmed import Unconfirmed, unconfirmed

_LATEST = 4
"""How many events are shown; several changes are one event."""


class MachinePage(Page):
    """Show the reader's machine, or what the button would create.

    Most polls find nothing new: whatever `version` does not need is computed when a template uses it.
    """

    template = "machine/page.html"
    fragment = "machine/swap.html"
    card: MachineCard | None
    """None if they have no machine."""
    unconfirmed: Unconfirmed | None
    said: str
    """What is announced instead of the status: the result of a click."""

    def __init__(self, request: PersonRequest, said: str = "") -> None:
        self._request, self._user, self.said = request, request.user, said
        self.card = card_of(request.user)
        self.unconfirmed = unconfirmed(request.user)

    @property
    def status(self) -> str:
        """Return the machine's status, or `NONE`."""
        return self.card.status if self.card else "NONE"

    @property
    def version(self) -> str:
        """Return what a page sends with each poll.

        A page in another language, or from before this problem, is replaced as a whole.
        """
        version = self.card.version if self.card else "none"
        return f"{version}-{self._request.LANGUAGE_CODE}{'-stale' if self.unconfirmed else ''}"

    @property
    def is_news(self) -> bool:
        """Return whether the page showed another status."""
        return self._request.GET.get("s", "") != self.status

    @cached_property
    def rules(self) -> Rules:
        return rules_of(self._user.pk)

    @cached_property
    def threshold(self) -> Threshold:
        """Return the idle threshold of the machine, or of the one that the button creates."""
        kind = self._row.size.instance_type if self._row else self.offer.sizes.chosen.instance_type
        return Threshold.by_rule(self.rules.idle_core_percent, kind)

    @cached_property
    def offer(self) -> Offer:
        """Return what the button creates."""
        return offer(self._user)

    @cached_property
    def next_key(self) -> KeyFacts | None:
        """Return the reader's own key that a new machine gets; None: AWS makes one."""
        key = own_keys.chosen(self._user)
        return own_keys.facts_of(key) if key else None

    @cached_property
    def ended(self) -> Ended | None:
        """Return how the machine before this one came to its end."""
        return last_ended(self._user)

    @cached_property
    def retry(self) -> Offers | None:
        """Return what may be chosen for another attempt."""
        return offers_for(self._user, self._row) if self._row else None

    @cached_property
    def size(self) -> SizeChoice | None:
        """Return the possible types and disks."""
        return size_of(self._user, self._row) if self._row else None

    @cached_property
    def substitute(self) -> Choice | None:
        """Return another suitable type, if AWS had no capacity for the last one."""
        kind = substitute(self._user, self._row) if self._row else None
        choices = offers_for(self._user, self._row).types if kind else ()
        return next((choice for choice in choices if choice.instance_type == kind), None)

    @cached_property
    def price(self) -> Price | None:
        return price_of(self._row.instance_type, self._row.volume_gib) if self._row else None

    @cached_property
    def cpu(self) -> CpuPage | None:
        return cpu_page(self._request, self._row) if self._row else None

    @cached_property
    def statement(self) -> Statement:
        """Return what this month has cost."""
        return statement_of(self._user, this_month())

    @cached_property
    def latest(self) -> list[Event]:
        """Return what happened last to their machines, newest first."""
        return timeline(self._user, LATEST)[:_LATEST]

    @property
    def tab(self) -> badge.Tab:
        """Return what the browser's tab shows."""
        return badge.tab_of(self.card.badge if self.card else None)

    @cached_property
    def connect(self) -> Connect | None:
        """Return the commands that reach a running machine."""
        return connect_to(self.card.instance) if self.card and self.card.status is Status.RUNNING else None

    @property
    def tabs(self) -> tuple[Tab, ...]:
        """Return the ways to connect, one of which is shown."""
        return tabs_for(self._request)

    @property
    def system(self) -> str:
        """Return the reader's system: `windows` or `unix`."""
        return system_of(self._request)

    @property
    def is_address_due(self) -> bool:
        """Return whether the reader has not been told the new address yet."""
        row = self._row
        return bool(self.connect and row and row.address_changed)

    @property
    def _row(self) -> Instance | None:
        return self.card.instance if self.card else None
