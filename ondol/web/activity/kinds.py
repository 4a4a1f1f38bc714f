"""Kinds of acts, as the record is filtered by them; and the rows that are only steps of an act."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ondol.audit.actions import Action
from ondol.instances.states import OURS, Reason, Status

WITH_STEPS = "steps"
"""The value of the filter that leaves nothing out."""
LETTERS_OF_ACTS = (
    *("invitation", "decision", "message", "role", "security", "old_address", "key_replaced", "done_by_administrator"),
    *("request", "requests", "email_confirmation_signup"),
)
"""E-mails about an act that has a row of its own."""
LETTER_OF_CHANGE = "email_confirmation"
"""The same, if it goes to a new address: the link to confirm one's present address is sent without an act."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Acts that are one choice of the filter."""

    word: str | Promise
    actions: tuple[Action, ...]


KINDS: Mapping[str, Kind] = {
    "sign_ins": Kind(
        _("Sign-ins"),
        (
            *(Action.SIGN_IN, Action.SIGN_OUT, Action.SIGN_OUT_EVERYWHERE, Action.CONFIRM, Action.DENIED),
            Action.TOKEN_REFUSED,
        ),
    ),
    "accounts": Kind(
        _("Accounts"),
        (
            *(Action.SIGN_UP, Action.ADD, Action.DETAILS, Action.PASSWORD, Action.EMAIL_WISH, Action.EMAIL),
            *(Action.EMAIL_PROVEN, Action.EMAIL_BACK, Action.FACTOR_ADD, Action.FACTOR_REMOVE, Action.PROVIDER_ADD),
            Action.PROVIDER_REMOVE,
        ),
    ),
    "access": Kind(
        _("Keys, tokens and SSH addresses"),
        (
            *(Action.KEY_READ, Action.KEY_CHOOSE, Action.KEY_REPLACE, Action.KEY_CHANGE),
            *(Action.TOKEN_MAKE, Action.TOKEN_USE, Action.TOKEN_REVOKE, Action.SSH_ADD, Action.SSH_REMOVE),
        ),
    ),
    "people": Kind(
        _("Decisions about people"),
        (Action.APPROVE, Action.REJECT, Action.VOUCH, Action.SUSPEND, Action.ROLE, Action.INVITE),
    ),
    "machines": Kind(
        _("Machines"),
        (
            *(Action.MACHINE_CREATE, Action.MACHINE_START, Action.MACHINE_STOP, Action.MACHINE_TERMINATE),
            *(Action.MACHINE_STATUS, Action.MACHINE_SIZE, Action.MACHINE_AWAKE, Action.MACHINE_HOURS),
        ),
    ),
    "rules": Kind(_("Rules, budgets and rates"), (Action.POLICY, Action.BUDGET, Action.RATE)),
    "mail": Kind(
        _("E-mails and announcements"),
        (
            *(Action.MESSAGE, Action.LETTER, Action.MAIL_AGAIN, Action.MAIL_DROP, Action.ANNOUNCE),
            Action.ANNOUNCE_END,
        ),
    ),
    "upkeep": Kind(_("Upkeep"), (Action.EXPORT, Action.VAULT, Action.KEYS, Action.PRUNE, Action.AWS)),
}

_ASKED = sorted(OURS - {Reason.IDLE})
"""Reasons of a stop that are known from its beginning."""
_NOTICED = (Reason.IDLE, Reason.OUTSIDE, Reason.UNKNOWN)
"""Reasons of a stop that AWS has begun; the row of its end has the true one."""


def _has(**details: str) -> Q:
    # Containment is false where a name is missing, and never NULL, which `exclude` would take for a match.
    return Q(details__contains=details)


def _steps() -> Q:
    """Return the rows of machines that are steps of another row: an event is one line."""
    arrived = _has(new=Status.RUNNING, reason=Reason.DONE) | _has(old=Status.TERMINATING, new=Status.TERMINATED)
    for reason in _ASKED:
        arrived |= _has(old=Status.STOPPING, new=Status.STOPPED, reason=reason)
    noticed = Q()
    for reason in _NOTICED:
        noticed |= _has(new=Status.STOPPING, reason=reason)
    return (
        Q(action=Action.AWS) | (Q(action=Action.MACHINE_STATUS) & arrived) | (Q(action=Action.MACHINE_STOP) & noticed)
    )


def _told() -> Q:
    """Return the rows of e-mails about an act that has a row."""
    told = Q()
    for name in LETTERS_OF_ACTS:
        told |= _has(letter=name)
    told |= _has(letter=LETTER_OF_CHANGE) & Q(details__has_key="to")
    return Q(action=Action.LETTER) & told


STEPS, TOLD = _steps(), _told()
_ALSO = {
    Action.MACHINE_STOP: Q(action=Action.MACHINE_STATUS) & _has(new=Status.STOPPED) & ~_has(old=Status.STOPPED),
}
"""Rows of other acts that are the same event: only the row of its end knows why a machine stopped by itself."""


def _single(kind: str) -> Q:
    return Q(action=kind) | _ALSO[Action(kind)] if kind in _ALSO else Q(action=kind)


def wanted(kind: str) -> Q:
    """Return the rows of a kind, of a single act, or for an empty text of all; steps are among them if asked for."""
    if kind == WITH_STEPS:
        return Q()
    if kind in KINDS:
        return Q(action__in=KINDS[kind].actions) & ~STEPS
    if kind in _ALSO:
        return _single(kind) & ~STEPS
    return _single(kind) if kind else ~STEPS & ~TOLD


def whole(kind: str) -> Q:
    """Return the same with all steps: a file leaves nothing out."""
    if kind in KINDS:
        return Q(action__in=KINDS[kind].actions)
    return _single(kind) if kind not in {"", WITH_STEPS} else Q()


def choices() -> list[tuple[str, object]]:
    """Return the choices of a field: all, then each kind with its acts."""
    groups: list[tuple[str, object]] = [("", _("All events")), (WITH_STEPS, _("All events, with each step and e-mail"))]
    for name, kind in KINDS.items():
        whole = str(_("%(kind)s: all")) % {"kind": kind.word}
        groups.append((str(kind.word), [(name, whole), *((action.value, action.label) for action in kind.actions)]))
    return groups
