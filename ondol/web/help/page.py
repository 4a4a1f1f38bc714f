"""The help, with the reader's own names in the commands."""

from functools import cached_property

from ondol.accounts.models import User
from ondol.ec2_types import facts_of
from ondol.instances import actions
from ondol.policy.rules import Rules, rules_of
from ondol.policy.threshold import Threshold
from ondol.web.machine.connect import ADDRESS, Connect, connect_to, example_for
from ondol.web.machine.offer import Offer, offer
from ondol.web.page import Page


class HelpPage(Page):
    """Explain how to connect, copy files and avoid being stopped, and what a machine costs."""

    template = "help/page.html"

    def __init__(self, reader: User) -> None:
        self._reader = reader

    @cached_property
    def connect(self) -> Connect:
        """Return the commands for the reader's own machine, with placeholders for what it does not have now."""
        instance = actions.current(self._reader)
        return (connect_to(instance) if instance else None) or example_for(self._reader, instance)

    @property
    def has_machine(self) -> bool:
        return actions.current(self._reader) is not None

    @property
    def has_address(self) -> bool:
        """Return whether the commands can be used as they are."""
        return self.connect.address != ADDRESS

    @cached_property
    def rules(self) -> Rules:
        return rules_of(self._reader.pk)

    @cached_property
    def threshold(self) -> Threshold:
        """Return when the reader's machine counts as idle, or the one that the button creates."""
        return Threshold.by_rule(self.rules.idle_core_percent, self.instance_type)

    @cached_property
    def instance_type(self) -> str:
        """Return the type of the reader's machine, or of the one that the button creates."""
        instance = actions.current(self._reader)
        return instance.size.instance_type if instance else self.offer.sizes.chosen.instance_type

    @cached_property
    def is_disk_seen(self) -> bool:
        """Return whether AWS tells what the disk of this type does."""
        return facts_of(self.instance_type).is_nitro

    @cached_property
    def offer(self) -> Offer:
        return offer(self._reader)
