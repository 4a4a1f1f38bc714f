"""The choice of a key: made by AWS, one's own, or made in this browser."""

from ondol.accounts.models import User
from ondol.instances import actions, key_replacement, own_keys
from ondol.instances.own_keys import KeyFacts
from ondol.instances.states import Status
from ondol.web.key.forms import PublicKeyForm
from ondol.web.page import Page


class Ways(Page):
    """Show where a key may come from."""

    form: PublicKeyForm
    stem_prefix: str
    """The beginning of the name of a file with a key that was made in this browser."""
    offers_aws: bool
    """True if AWS may be asked for one here."""


class KeyPage(Ways):
    """Show which key the next machine gets, and the other choices."""

    template = "key/page.html"
    chosen: KeyFacts | None
    """None: AWS makes it."""
    has_machine: bool
    """True if the choice is for a machine after the present one."""

    def __init__(self, reader: User, form: PublicKeyForm) -> None:
        row, key = actions.current(reader), own_keys.chosen(reader)
        self.form = form
        self.chosen = own_keys.facts_of(key) if key else None
        self.has_machine = row is not None and row.status != Status.FAILED
        self.offers_aws = key is not None
        self.stem_prefix = own_keys.stem_prefix(reader)


class ReplacePage(Ways):
    """Show where the new key of the reader's machine may come from."""

    template = "key/replace.html"
    is_offered: bool
    runs: bool

    def __init__(self, reader: User, form: PublicKeyForm) -> None:
        row = actions.current(reader)
        self.form = form
        self.is_offered, self.offers_aws = key_replacement.is_offered(), True
        self.runs = row is not None and row.status == Status.RUNNING
        self.stem_prefix = own_keys.stem_prefix(reader)
