"""A row of the record in words of the reader's language: its act, and its important details."""

from collections.abc import Callable, Iterator, Mapping

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from ondol.accounts.models import Approval, Role, Scope
from ondol.announcements.models import Announcement, Kind
from ondol.audit.actions import Action, Source
from ondol.audit.models import Entry
from ondol.instances.messages.reasons import REASONS
from ondol.instances.messages.statuses import STATUSES
from ondol.instances.states import Reason, Status
from ondol.web.activity import terms
from ondol.web.activity.details import Details, text_of
from ondol.web.policy.facts import changed

_ACTS: Mapping[Action, str | Promise] = {
    Action.MACHINE_STOP: gettext_lazy("Stop requested"),
    Action.MACHINE_TERMINATE: gettext_lazy("Deletion requested"),
}
"""Acts that need other words in a row than in the list of kinds."""
_STOPS = (Action.MACHINE_STOP, Action.MACHINE_STATUS)
_TARGETS = (
    *("InstanceId", "InstanceIds", "GroupName", "KeyName", "AlarmName", "AlarmNames", "VolumeId", "Resources"),
    "InstanceType",
)
"""What a call to AWS is about; each is a name of AWS's."""


def act_of(entry: Entry) -> str:
    """Return what was done, in a few words."""
    details = Details(entry.details)
    match entry.action:
        case Action.MACHINE_STATUS:
            return _status(details)
        case Action.MACHINE_STOP if entry.outcome == "done" and (word := _stop(details)):
            return word
        case Action.MACHINE_AWAKE if entry.outcome == "done" and not details.text("until"):
            return _("Keep-awake ended")
        case Action.MACHINE_HOURS if entry.outcome == "done":
            return _("Closing time waived") if details.text("waived") else _("Closing time holds again")
    if entry.action not in Action.values:
        return _("An act of another version")
    action = Action(entry.action)
    return str(_ACTS.get(action, action.label))


def told_of(entry: Entry, machine: str = "") -> str:
    """Return the important details; `machine` is the name of the row's machine."""
    tell = _TOLD.get(Action(entry.action)) if entry.action in Action.values else None
    parts = [*(tell(Details(entry.details)) if tell else ()), machine]
    return " · ".join(filter(None, parts))


def who_of(entry: Entry) -> str:
    """Return who did it, if no person did."""
    if Details(entry.details).text("rule"):
        return _("a rule")
    reason = _reason(Details(entry.details))
    if entry.action in _STOPS and reason and (word := REASONS[reason].stopped_by):
        return str(word)
    match entry.source:
        case Source.WORKER:
            return _("Ondol itself")
        case Source.COMMAND:
            return _("command line")
    return _("not signed in")


def source_of(entry: Entry) -> str:
    """Return the interface that was used, if that is not a page."""
    return str(Source(entry.source).label) if entry.source in {Source.API, Source.COMMAND, Source.WORKER} else ""


def _stop(details: Details) -> str:
    """Return the words for a stop that nobody requested; empty: somebody did."""
    reason = _reason(details)
    if reason and REASONS[reason].is_by_itself:
        return _("Automatic stop")
    return _("Stop noticed") if reason and REASONS[reason].stopped_by else ""


def _status(details: Details) -> str:
    reason = _reason(details)
    if reason is Reason.IDLE and details.text("new") == Status.STOPPED:
        return _("Automatic stop")
    if reason and REASONS[reason].event:
        return str(REASONS[reason].event)
    status = details.text("new")
    return str(STATUSES[Status(status)].listed if status in set(Status) else "") or _("Machine changed")


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
        case Reason.UNKNOWN if details.text("new") == Status.STOPPING:
            yield _("the cause is known once it has stopped")
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
            return f"{text_of(kind)}, {gib} GiB"
    return ""


def _budget(details: Details) -> Iterator[str]:
    old, new = _dollars(details.part("old")), _dollars(details)
    yield f"{old} → {new}" if old else new
    match details.part("old").get("stops"), details.get("stops"):
        case (_, True):
            yield _("stops machines when the budget is used up")
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
    yield details.word("what", terms.TABLES)
    yield details.text("month")
    if details.get("selected") is True or details.text("filter"):
        yield _("a part of it")
    if (count := details.number("rows")) or details.get("rows") == 0:
        yield ngettext("%(n)d row", "%(n)d rows", count) % {"n": count}


def _joined(details: Details) -> Iterator[str]:
    yield details.label("approval", Approval)
    if details.get("role") == Role.ADMIN:
        yield details.label("role", Role)


def _key(details: Details) -> Iterator[str]:
    yield details.word("origin", terms.ORIGINS)
    yield details.text("fingerprint")


def _one(read: Callable[[Details], str]) -> Callable[[Details], Iterator[str]]:
    return lambda details: iter([read(details)])


def _sent(details: Details) -> Iterator[str]:
    yield details.word("letter", terms.LETTERS)
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
    Action.CONFIRM: _one(lambda row: row.word("method", terms.METHODS)),
    Action.SIGN_UP: _joined,
    Action.ADD: _joined,
    Action.DETAILS: _one(lambda row: row.words("fields", terms.FIELDS)),
    Action.PASSWORD: _password,
    Action.EMAIL_WISH: _one(lambda row: row.text("new")),
    Action.EMAIL: _one(lambda row: _("before: %(address)s") % {"address": row.text("old")} if row.text("old") else ""),
    Action.EMAIL_PROVEN: _one(lambda row: row.text("email")),
    Action.EMAIL_BACK: _one(lambda row: row.text("new")),
    Action.FACTOR_ADD: _one(lambda row: row.word("kind", terms.FACTORS)),
    Action.FACTOR_REMOVE: _one(lambda row: row.word("kind", terms.FACTORS)),
    Action.PROVIDER_ADD: _one(lambda row: row.text("kind")),
    Action.PROVIDER_REMOVE: _one(lambda row: row.text("kind")),
    Action.SSH_ADD: _address,
    Action.SSH_REMOVE: _address,
    Action.KEY_READ: _one(lambda row: row.word("form", terms.FORMS)),
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
    Action.ANNOUNCE_END: _announced,
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


def _quoted(text: str) -> str:
    return f"“{text}”" if text else ""
