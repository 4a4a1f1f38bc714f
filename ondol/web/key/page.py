"""The choice of a key: made by AWS, one's own, or made in this browser."""

from ondol.accounts.models import User
from ondol.instances import actions, own_keys
from ondol.instances.lifecycle import Status
from ondol.instances.own_keys import KeyFacts
from ondol.web.key.forms import PublicKeyForm
from ondol.web.page import Page


class KeyPage(Page):
    """Show which key the next machine gets, and the other choices."""

    template = "key/page.html"
    form: PublicKeyForm
    chosen: KeyFacts | None
    """None: AWS makes it."""
    has_machine: bool
    """True if the choice is for a machine after the present one."""
    stem_prefix: str
    """The beginning of the name of a file with a key that was made in this browser."""

    def __init__(self, reader: User, form: PublicKeyForm) -> None:
        row, key = actions.current(reader), own_keys.chosen(reader)
        self.form = form
        self.chosen = own_keys.facts_of(key) if key else None
        self.has_machine = row is not None and row.status != Status.FAILED
        self.stem_prefix = own_keys.stem_prefix(reader)
