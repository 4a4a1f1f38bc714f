"""The page behind the link that takes a change of address back."""

from dataclasses import dataclass

from ondol.accounts.old_address import Change
from ondol.web.page import Page


@dataclass(frozen=True)
class OldAddressPage(Page):
    """Ask whether to take the change back, say that it is done, or why it cannot be."""

    template = "old_address/page.html"
    change: Change | None = None
    refusal: str = ""
    is_done: bool = False
