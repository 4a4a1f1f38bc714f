"""E-mails that tell somebody what was done to their account or machine, in their name or by others.

The two tables have the words for each act. An act that is in them is told to the person, unless the same was just told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.urls import reverse
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ondol import clock, dates
from ondol.accounts.mail import write
from ondol.accounts.models import Approval, Role, User
from ondol.audit import origin
from ondol.audit.models import Entry
from ondol.audit.origin import Person
from ondol.audit.record import Action, asker
from ondol.audit.record import write as record
from ondol.config import config
from ondol.outbox.jobs import send_later

TASK = "ondol.accounts.security"
TASK_OF_COLLEAGUES = "ondol.accounts.colleague"
QUIET = timedelta(hours=1)
"""The same act from the same address is not told again for this long; one from a new address always is."""


@dataclass(frozen=True, slots=True)
class Words:
    """What an e-mail says."""

    title: str | Promise
    remedy: str | Promise = ""
    """What to do if it was not the reader."""
    follows: str | Promise = ""
    """What it means for the reader that others have done it."""
    is_always_told: bool = False
    """True for what nobody does twice an hour, and for what gives lasting access."""


_NOT_YOU = _(
    "If it was not, remove what you do not know under “Account”, choose another password, sign out everywhere else, "
    "and tell an administrator."
)

BY_THEMSELVES: Mapping[Action, Words] = {
    Action.KEY_READ: Words(
        _("The private key of your machine was downloaded"),
        _(
            "If it was not, somebody else can sign in to your machine: stop it, choose another password, sign out "
            "everywhere else, and tell an administrator."
        ),
    ),
    Action.TOKEN_MAKE: Words(
        _("A new API token was made for your account"),
        _(
            "If it was not, revoke the token under “Account”, choose another password, sign out everywhere else, and "
            "tell an administrator."
        ),
    ),
    Action.PASSWORD: Words(_("Your password was changed"), _NOT_YOU, is_always_told=True),
    Action.FACTOR_ADD: Words(_("A second factor or passkey was added to your account"), _NOT_YOU, is_always_told=True),
    Action.FACTOR_REMOVE: Words(
        _("A second factor or passkey of your account was removed"), _NOT_YOU, is_always_told=True
    ),
    Action.PROVIDER_ADD: Words(_("Another account was connected to yours"), _NOT_YOU, is_always_told=True),
    Action.PROVIDER_REMOVE: Words(_("A connected account was removed from yours"), _NOT_YOU, is_always_told=True),
    Action.KEY_CHOOSE: Words(_("The SSH key for your next machine was changed"), _NOT_YOU),
    Action.SSH_ADD: Words(_("Another address may reach your machine by SSH"), _NOT_YOU),
    Action.CONFIRM: Words(
        _("Somebody typed wrong passwords in a browser where you were signed in"),
        _(
            "That browser is signed out. If it was not you, somebody else has used it: choose another password and "
            "sign out everywhere else."
        ),
    ),
}
"""What somebody does themselves, or somebody else in their name."""

BY_OTHERS: Mapping[Action, Words] = {
    Action.MACHINE_STOP: Words(
        _("Your machine was stopped by an administrator"),
        follows=_("Its disk and your files are kept. To go on, sign in to Ondol and press “Start”."),
    ),
    Action.MACHINE_TERMINATE: Words(
        _("Your machine was deleted by an administrator, with all its data"), is_always_told=True
    ),
    Action.POLICY: Words(_("The rules for your machine were changed")),
    Action.BUDGET: Words(_("The budget of your machine was changed")),
    Action.ROLE: Words(_("Your role was changed"), is_always_told=True),
}
"""What administrators do to somebody; those about approval have e-mails of their own."""


def record_and_tell(action: Action, person: User, *, by: Person | None = None, **details: Any) -> Entry:
    """Add the row, and enqueue the e-mail, in the caller's transaction.

    Without `by`, `asker()` has done it. A change of role is told to the other administrators, too.
    """
    actor = by or asker()
    words = words_of(action, is_others=actor is not None and actor.pk != person.pk)
    with connection.cursor() as cursor:  # two at once are not two e-mails
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('ondol.security'), %s)", [person.pk % 2**31])
    told = Entry.objects.filter(action=action, on_id=person.pk, at__gt=clock.now() - QUIET, details__letter=True)
    is_told = not words.is_always_told and told.filter(address=origin.address()).exists()
    entry = record(action, by=actor, on=person, **{**details, "letter": not is_told})
    if not is_told:
        send_later(TASK, entry=entry.pk)
    if action == Action.ROLE:
        _tell_colleagues(entry)
    return entry


def words_of(action: Action, *, is_others: bool) -> Words:
    """Return the words for an act; KeyError if nobody is told of it."""
    return BY_OTHERS[action] if is_others and action in BY_OTHERS else BY_THEMSELVES.get(action) or BY_OTHERS[action]


def _tell_colleagues(entry: Entry) -> None:
    """Let the other administrators know, too: otherwise one could remove all others, one by one."""
    readers = User.objects.filter(role=Role.ADMIN, approval=Approval.APPROVED, is_active=True)
    for reader in readers.exclude(pk__in=[entry.by_id or 0, entry.on_id]):
        send_later(TASK_OF_COLLEAGUES, entry=entry.pk, to=reader.pk)


def send(entry: Entry, person: User) -> None:
    """Send it, in its reader's language."""
    is_others = entry.by_id is not None and entry.by_id != person.pk
    words = words_of(Action(entry.action), is_others=is_others)
    context = _context(entry, person) | {"words": words}
    write(person, "security", context | {"link": config().url + reverse("my_activity")})


def send_colleague(entry: Entry, reader: User) -> None:
    """Tell an administrator, in the reader's language, that somebody's role was changed."""
    write(reader, "role", _context(entry, reader) | {"link": config().url + reverse("admin_people")})


def _context(entry: Entry, person: User) -> dict[str, Any]:
    with translation.override(person.language):
        when = dates.full(entry.at)
        role = Role(entry.details["role"]).label if "role" in entry.details else ""
    return {"person": person, "entry": entry, "when": when, "token": entry.details.get("name", ""), "role": str(role)}
