"""What a row of the record says, as a sentence of a person's language: its act, and what is worth telling of it.

Rows of other versions, or of whoever can write to the database, may have any details: what is not known is left out.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from ondol import dates
from ondol.accounts.models import Approval, Role, Scope
from ondol.announcements.models import Announcement, Kind
from ondol.audit.actions import Action, Source
from ondol.audit.models import Entry
from ondol.instances.messages.reasons import REASONS
from ondol.instances.states import Reason, Status
from ondol.web.policy.facts import changed

Words = Mapping[str, str | Promise]

_FIELDS: Words = {
    "name": gettext_lazy("name"),
    "affiliation": gettext_lazy("affiliation"),
    "purpose": gettext_lazy("purpose"),
    "language": gettext_lazy("language"),
}
_ORIGINS: Words = {
    "aws": gettext_lazy("made by AWS"),
    "own": gettext_lazy("their own"),
    "browser": gettext_lazy("made in the browser"),
}
_FORMS: Words = {"pem": gettext_lazy("for OpenSSH"), "ppk": gettext_lazy("for PuTTY")}
_FACTORS: Words = {
    "totp": gettext_lazy("authenticator app"),
    "webauthn": gettext_lazy("passkey"),
    "recovery_codes": gettext_lazy("recovery codes"),
}
_METHODS: Words = {
    "password": gettext_lazy("by password"),
    "password_reset": gettext_lazy("by a link for a new password"),
    "code": gettext_lazy("by a code"),
    "mfa": gettext_lazy("by a second factor"),
    "socialaccount": gettext_lazy("by another account"),
}
_TABLES: Words = {
    "activity": gettext_lazy("activity"),
    "costs": gettext_lazy("costs"),
    "people": gettext_lazy("people"),
    "machines": gettext_lazy("machines"),
}
_LETTERS: Words = {
    "address_taken": gettext_lazy("the address belongs to an account already"),
    "budget": gettext_lazy("budget"),
    "decision": gettext_lazy("decision about the account"),
    "done_by_administrator": gettext_lazy("what an administrator did with the machine"),
    "findings": gettext_lazy("findings of the check-up"),
    "invitation": gettext_lazy("invitation"),
    "key_replaced": gettext_lazy("the key was replaced"),
    "letters_left_out": gettext_lazy("e-mails were left out"),
    "message": gettext_lazy("message of an administrator"),
    "old_address": gettext_lazy("change of address, to the old address"),
    "request": gettext_lazy("a request waits"),
    "requests": gettext_lazy("requests wait"),
    "role": gettext_lazy("somebody has another role"),
    "security": gettext_lazy("security of the account"),
    "stop": gettext_lazy("warning before a stop"),
    "tampered": gettext_lazy("a key was changed in the database"),
    "trouble": gettext_lazy("something is broken"),
    "password_reset_key": gettext_lazy("link for a new password"),
    "email_confirmation": gettext_lazy("link to confirm the address"),
    "email_confirmation_signup": gettext_lazy("link to confirm the address"),
    "unknown_account": gettext_lazy("there is no account of this address"),
    "account_already_exists": gettext_lazy("there is an account of this address already"),
}
_ACTS: Mapping[Action, str | Promise] = {
    Action.MACHINE_STOP: gettext_lazy("Stop requested"),
    Action.MACHINE_TERMINATE: gettext_lazy("Deletion requested"),
}
"""Acts whose words in the list of kinds would not do in a row."""
_ARRIVALS: Words = {
    Status.RUNNING: gettext_lazy("Machine started"),
    Status.STOPPED: gettext_lazy("Machine stopped"),
    Status.TERMINATED: gettext_lazy("Machine deleted"),
    Status.FAILED: gettext_lazy("Machine could not be created"),
}


_TARGETS = (
    *("InstanceId", "InstanceIds", "GroupName", "KeyName", "AlarmName", "AlarmNames", "VolumeId", "Resources"),
    "InstanceType",
)
"""What a call to AWS is about; each is a name of AWS's."""


class Details:
    """The details of a row; a name that is missing, or has another type, is an empty text."""

    def __init__(self, values: object) -> None:
        self._values: Mapping[str, Any] = values if isinstance(values, dict) else {}

    def get(self, name: str) -> Any:
        return self._values.get(name)

    def text(self, name: str) -> str:
        return _text(self.get(name))

    def word(self, name: str, words: Words) -> str:
        """Return the word for a value that is one of a few."""
        return _word(self.get(name), words)

    def label(self, name: str, choices: type[TextChoices]) -> str:
        """Return the label of a value of a model."""
        return _word(self.get(name), dict(choices.choices))

    def words(self, name: str, words: Words) -> str:
        """Return the words of a list of such values."""
        values = self.get(name)
        return ", ".join(filter(None, (_word(one, words) for one in values))) if isinstance(values, list) else ""

    def number(self, name: str) -> int:
        value = self.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else 0

    def part(self, name: str) -> "Details":
        return Details(self.get(name))

    def moment(self, name: str) -> str:
        """Return a time with its zone."""
        try:
            found = datetime.fromisoformat(self.text(name))
            return dates.full(found) if found.tzinfo else ""
        except (ValueError, OverflowError):
            return ""

    def day(self, name: str) -> str:
        try:
            return dates.day(date.fromisoformat(self.text(name)))
        except ValueError:
            return ""


def act_of(entry: Entry) -> str:
    """Return what was done, in a few words."""
    details = Details(entry.details)
    match entry.action:
        case Action.MACHINE_STATUS:
            return _status(details)
        case Action.MACHINE_AWAKE if entry.outcome == "done" and not details.text("until"):
            return _("Keep awake ended")
        case Action.MACHINE_HOURS if entry.outcome == "done":
            return _("Closing time waived") if details.text("waived") else _("Closing time holds again")
    if entry.action not in Action.values:
        return _("An act of another version")
    action = Action(entry.action)
    return str(_ACTS.get(action, action.label))


def told_of(entry: Entry, machine: str = "") -> str:
    """Return what is worth telling of it; `machine` is what the machine of the row is called."""
    tell = _TOLD.get(Action(entry.action)) if entry.action in Action.values else None
    parts = [*(tell(Details(entry.details)) if tell else ()), machine]
    return " · ".join(filter(None, parts))


def who_of(entry: Entry) -> str:
    """Return who did it where no person did."""
    if Details(entry.details).text("rule"):
        return _("a rule")
    match entry.source:
        case Source.WORKER:
            return _("Ondol itself")
        case Source.COMMAND:
            return _("command line")
    return _("not signed in")


def source_of(entry: Entry) -> str:
    """Return through what it came, where that is not a page."""
    return str(Source(entry.source).label) if entry.source in {Source.API, Source.COMMAND, Source.WORKER} else ""


def _status(details: Details) -> str:
    reason = _reason(details)
    if reason and REASONS[reason].event:
        return str(REASONS[reason].event)
    return details.word("new", _ARRIVALS) or _("Machine changed")


def _reason(details: Details) -> Reason | None:
    value = details.text("reason")
    return Reason(value) if value in set(Reason) else None


def _why(details: Details) -> Iterator[str]:
    reason = _reason(details)
    match reason:
        case None | Reason.PERSON | Reason.DONE:
            return
        case Reason.ADMIN:
            yield _("by an administrator")
        case Reason.UNKNOWN:
            yield _("AWS does not say why")
        case _:
            yield str(REASONS[reason].short)


def _sizes(details: Details) -> Iterator[str]:
    old, new = (_size(details.get(name)) for name in ("old", "new"))
    if old and new:
        yield f"{old} → {new}"


def _size(value: object) -> str:
    match value:
        case [str(kind), int(gib)]:
            return f"{_text(kind)}, {gib} GiB"
    return ""


def _budget(details: Details) -> Iterator[str]:
    old, new = _dollars(details.part("old")), _dollars(details)
    yield f"{old} → {new}" if old else new
    match details.part("old").get("stops"), details.get("stops"):
        case (_, True):
            yield _("stops machines when it is used up")
        case (True, False):
            yield _("stops machines no longer")


def _dollars(details: Details) -> str:
    value = details.text("usd")
    return _("no limit") if value in {"none", ""} else f"${value}"


def _rate(details: Details) -> Iterator[str]:
    if krw := details.text("krw"):
        yield f"$1 = ₩{krw}"
    if day := details.day("as_of"):
        yield _("of %(day)s") % {"day": day}


def _rules(details: Details) -> Iterator[str]:
    what = details.get("what")
    if isinstance(what, dict):
        yield changed({name: pair for name, pair in what.items() if isinstance(pair, list) and len(pair) == 2})


def _decided(details: Details) -> Iterator[str]:
    if rule := details.text("rule"):
        yield _("by the rule %(rule)s") % {"rule": rule}
    if reason := details.text("reason"):
        yield _quoted(reason)


def _revoked(details: Details) -> Iterator[str]:
    yield _quoted(details.text("name"))
    if count := details.number("tokens"):
        yield ngettext("%(n)d token", "%(n)d tokens", count) % {"n": count}


def _password(details: Details) -> Iterator[str]:
    if details.get("usable") is False:
        yield _("no password from now on")
    if count := details.number("tokens"):
        yield ngettext("%(n)d API token revoked", "%(n)d API tokens revoked", count) % {"n": count}


def _token(details: Details) -> Iterator[str]:
    yield _quoted(details.text("name"))
    yield details.words("scopes", dict(Scope.choices))
    if days := details.number("days"):
        yield ngettext("for %(n)d day", "for %(n)d days", days) % {"n": days}


def _address(details: Details) -> Iterator[str]:
    yield details.text("range")
    if until := details.moment("until"):
        yield _("until %(when)s") % {"when": until}


def _aws(details: Details) -> Iterator[str]:
    yield details.text("operation")
    yield from map(details.text, _TARGETS)


def _exported(details: Details) -> Iterator[str]:
    yield details.word("what", _TABLES)
    yield details.text("month")
    if details.text("filter"):
        yield _("a part of it")


def _joined(details: Details) -> Iterator[str]:
    yield details.label("approval", Approval)
    if details.get("role") == Role.ADMIN:
        yield details.label("role", Role)


def _key(details: Details) -> Iterator[str]:
    yield details.word("origin", _ORIGINS)
    yield details.text("fingerprint")


def _one(read: Callable[[Details], str]) -> Callable[[Details], Iterator[str]]:
    return lambda details: iter([read(details)])


def _sent(details: Details) -> Iterator[str]:
    yield details.word("letter", _LETTERS)
    if address := details.text("to"):
        yield _("to %(address)s") % {"address": address}


def _invited(details: Details) -> Iterator[str]:
    yield details.text("asked")
    if details.get("again") is True:
        yield _("once more")


def _announced(details: Details) -> Iterator[str]:
    yield details.label("kind", Kind)
    row = Announcement(text_ko=details.text("text_ko"), text_en=details.text("text_en"))
    yield _quoted(row.in_language(get_language())[0])
    if until := details.moment("until"):
        yield _("until %(when)s") % {"when": until}


def _letter(details: Details) -> Iterator[str]:
    if number := details.number("email"):
        yield _("e-mail %(number)d") % {"number": number}


_TOLD: Mapping[Action, Callable[[Details], Iterator[str]]] = {
    Action.CONFIRM: _one(lambda row: row.word("method", _METHODS)),
    Action.SIGN_UP: _joined,
    Action.ADD: _joined,
    Action.DETAILS: _one(lambda row: row.words("fields", _FIELDS)),
    Action.PASSWORD: _password,
    Action.EMAIL_WISH: _one(lambda row: row.text("new")),
    Action.EMAIL: _one(lambda row: _("before: %(address)s") % {"address": row.text("old")} if row.text("old") else ""),
    Action.EMAIL_PROVEN: _one(lambda row: row.text("email")),
    Action.EMAIL_BACK: _one(lambda row: row.text("new")),
    Action.FACTOR_ADD: _one(lambda row: row.word("kind", _FACTORS)),
    Action.FACTOR_REMOVE: _one(lambda row: row.word("kind", _FACTORS)),
    Action.PROVIDER_ADD: _one(lambda row: row.text("kind")),
    Action.PROVIDER_REMOVE: _one(lambda row: row.text("kind")),
    Action.SSH_ADD: _address,
    Action.SSH_REMOVE: _address,
    Action.KEY_READ: _one(lambda row: row.word("form", _FORMS)),
    Action.KEY_CHOOSE: _key,
    Action.KEY_REPLACE: _key,
    Action.KEY_CHANGE: _key,
    Action.TOKEN_MAKE: _token,
    Action.TOKEN_USE: _one(lambda row: _quoted(row.text("name"))),
    Action.TOKEN_REVOKE: _revoked,
    Action.TOKEN_REFUSED: _one(lambda row: _quoted(row.text("name"))),
    Action.APPROVE: _decided,
    Action.REJECT: _decided,
    Action.SUSPEND: _decided,
    Action.VOUCH: _one(lambda row: row.text("email")),
    Action.ROLE: _one(lambda row: row.label("role", Role)),
    Action.MESSAGE: _one(lambda row: _quoted(row.text("subject"))),
    Action.INVITE: _invited,
    Action.ANNOUNCE: _announced,
    Action.POLICY: _rules,
    Action.BUDGET: _budget,
    Action.RATE: _rate,
    Action.MACHINE_CREATE: _why,
    Action.MACHINE_START: _why,
    Action.MACHINE_STOP: _why,
    Action.MACHINE_TERMINATE: _why,
    Action.MACHINE_STATUS: _why,
    Action.MACHINE_SIZE: _sizes,
    Action.MACHINE_AWAKE: _one(
        lambda row: _("until %(when)s") % {"when": row.moment("until")} if row.moment("until") else ""
    ),
    Action.MACHINE_HOURS: _one(lambda row: row.moment("waived")),
    Action.EXPORT: _exported,
    Action.DENIED: _one(lambda row: row.text("path")),
    Action.LETTER: _sent,
    Action.MAIL_AGAIN: _letter,
    Action.MAIL_DROP: _letter,
    Action.AWS: _aws,
}


def _text(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _word(value: object, words: Words) -> str:
    return str(words[value]) if isinstance(value, str) and value in words else ""


def _quoted(text: str) -> str:
    return f"“{text}”" if text else ""
