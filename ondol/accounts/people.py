"""Decisions about people: approve, reject, suspend, promote; the first administrator without a browser."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from ondol import clock
from ondol.accounts import access, mail, proof
from ondol.accounts.models import (
    Approval,
    Decision,
    Role,
    User,
    check_new_password,
    validate_email_length,
    validate_prose,
    validate_shown,
)
from ondol.accounts.security_letters import record_and_tell
from ondol.accounts.text import clean, clean_address, clean_line
from ondol.audit.record import Action, Refusal, refusals, write
from ondol.config import config

WITHDRAWN: list[Callable[[User, User | None], None]] = []
"""What other apps do when somebody is not approved any more, such as stop their machine: each is called with the person
and who decided it, in the transaction of the decision."""


_ACTIONS = {
    Approval.APPROVED: Action.APPROVE,
    Approval.REJECTED: Action.REJECT,
    Approval.SUSPENDED: Action.SUSPEND,
}


class AccountError(Refusal):
    """A decision that cannot be made. The text is a sentence in the person's language, `code` is for programs."""

    def __init__(self, text: str, code: str = "refused", status: int = 409) -> None:
        super().__init__(text)
        self.code, self.status = code, status


def no_such_person() -> AccountError:
    """Return the error for an id that no person has."""
    return AccountError(_("There is no such person."), "no_such_person", 404)


def listed(search: str = "", approval: str | None = None) -> QuerySet[User]:
    """Return the people whose name, address or affiliation contains `search`, with this approval if given;
    unordered."""
    found = User.objects.all()
    if approval in Approval.values:
        found = found.filter(approval=approval)
    if words := clean(search.replace("\x00", ""))[:200]:  # PostgreSQL cannot store NUL
        found = found.filter(Q(name__icontains=words) | Q(email__icontains=words) | Q(affiliation__icontains=words))
    return found


def administrators() -> QuerySet[User]:
    """Return the people who administer this installation."""
    return User.objects.filter(role=Role.ADMIN, approval=Approval.APPROVED, is_active=True)


def require_approved(user: User) -> None:
    """Raise AccountError unless this person's row, as it was read, is approved."""
    if not user.is_approved:
        raise AccountError(_("An administrator has to approve you first."), "not_approved", 403)


def require_administrator(by: User | None) -> None:
    """Raise AccountError unless somebody is an administrator now; None is the command line, which is always allowed."""
    if by and not administrators().filter(pk=by.pk).exists():
        raise AccountError(_("Only an administrator can do this."), "not_admin", 403)


def add_user(
    email: str, name: str = "", *, approved: bool = False, admin: bool = False, password: str | None = None
) -> User:
    """Create a person from the command line; an administrator is approved too. Raises AccountError.

    Whoever approves there vouches for the address; anybody else proves it at the first sign-in.
    """
    try:
        name = clean_line(name) or clean_line(email).partition("@")[0][:100]
        email = clean_address(email)
        validate_email(email)
        validate_email_length(email)
        validate_shown(name)
        if password is not None:
            check_new_password(password, User(email=email, name=name))
    except ValidationError as error:
        raise AccountError(" ".join(error.messages), "invalid", 422) from None
    if len(name) > 100:
        raise AccountError(_("The name is longer than 100 characters."), "name_too_long", 422)
    approval = Approval.APPROVED if approved or admin else Approval.PENDING
    role = Role.ADMIN if admin else Role.MEMBER
    try:
        with transaction.atomic():
            since = clock.real_now() if admin else None
            fields = {"name": name, "approval": approval, "role": role, "administrates_since": since}
            user = User.objects.create_user(email, password, **fields)
            if user.is_approved:
                proof.mark(user)
                Decision.objects.create(user=user, what=role if admin else approval)
    except IntegrityError:
        text = _("An account with %(email)s already exists.") % {"email": email}
        raise AccountError(text, "address_taken") from None
    return user


def approve(user_id: int, by: User | None, *, vouches: bool = False) -> User:
    """Approve somebody, also after a suspension. Doing it twice changes nothing.

    For an address that is not proven, whoever approves has to vouch for it. Raises AccountError.
    """
    with _decision(user_id, by, Action.APPROVE) as user:
        if user.approval != Approval.APPROVED:
            if vouches:
                proof.vouch(user, by)
            elif config().wants_proof and not proof.is_proven(user):
                text = _(
                    "Nobody has proven that %(email)s is theirs. Make sure that it is, by another way than Ondol, and "
                    "say so when you approve."
                )
                raise AccountError(text % {"email": user.email}, "address_not_proven")
            _decide(user, by, Approval.APPROVED, "")
    return user


def reject(user_id: int, by: User, reason: str) -> User:
    """Reject a request. Somebody who was approved is suspended instead: they may have a machine."""
    with _decision(user_id, by, Action.REJECT) as user:
        if user.approval == Approval.REJECTED:
            return user
        if user.approval != Approval.PENDING:
            raise AccountError(_("Only a waiting request can be rejected. Suspend this person instead."), "not_waiting")
        _decide(user, by, Approval.REJECTED, _required(reason))
    return user


def suspend(user_id: int, by: User | None, reason: str = "") -> User:
    """Suspend somebody: their sessions and tokens end, their machine stops. Its disk stays until it is terminated.

    An administrator is a member from then on.
    """
    with _decision(user_id, by, Action.SUSPEND) as user:
        if user.approval == Approval.SUSPENDED:
            return user
        if user.approval != Approval.APPROVED:
            raise AccountError(_("Only an approved person can be suspended."), "not_approved")
        _keep_an_administrator(user)
        if by is not None and by.pk == user.pk:
            raise AccountError(_("You cannot suspend yourself. Ask another administrator."), "oneself")
        _decide(user, by, Approval.SUSPENDED, _checked(reason))
        if user.role == Role.ADMIN:  # or an ordinary approval would make them an administrator again
            _set_role(user, by, Role.MEMBER)
    return user


def approve_by_rule(user_id: int, rule: str) -> User:
    """Approve a pending request by a rule of the institute. What an administrator has decided stays."""
    with _decision(user_id, None, Action.APPROVE) as user:
        if user.approval == Approval.PENDING:
            _decide(user, None, Approval.APPROVED, "", rule)
    return user


def set_role(user_id: int, by: User | None, role: Role, rule: str = "") -> User:
    """Make somebody an administrator or a member; `by` is None where a rule of the institute says so."""
    with _decision(user_id, by, Action.ROLE) as user:
        if user.role == role:
            return user
        if role == Role.MEMBER:
            _keep_an_administrator(user)
        elif not user.is_approved:
            raise AccountError(_("Approve this person before making them an administrator."), "not_approved")
        _set_role(user, by, role, rule)
    return user


def _set_role(user: User, by: User | None, role: Role, rule: str = "") -> None:
    user.role = role
    if role == Role.ADMIN:  # only the first time: the days of grace begin once
        user.administrates_since = user.administrates_since or clock.real_now()
    else:
        access.end_administration(user)
    user.save(update_fields=["role", "administrates_since"])
    Decision.objects.create(user=user, by=by, what=role, rule=rule)
    record_and_tell(Action.ROLE, user, by=by, role=role, rule=rule)


@contextmanager
def _decision(user_id: int, by: User | None, action: Action) -> Iterator[User]:
    """Lock the decisions, one at a time: otherwise the last two administrators could demote each other at once.

    Without `by`, the decision is made on the command line or by a rule.
    """
    whom = User.objects.filter(pk=user_id).first()
    with refusals(action, by=by, on=whom, asked=None if whom else str(user_id)), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('ondol.decision'))")
        require_administrator(by)
        try:
            # Not FOR UPDATE, which waits for whoever has just written a row about this person: they may hold the lock
            # of the machine, which `WITHDRAWN` waits for.
            user = User.objects.select_for_update(no_key=True).get(pk=user_id)
        except User.DoesNotExist:
            raise no_such_person() from None
        yield user


def _decide(user: User, by: User | None, approval: Approval, reason: str, rule: str = "") -> None:
    user.approval, user.decision_reason, user.decided_by, user.decided_at = approval, reason, by, clock.now()
    user.save(update_fields=["approval", "decision_reason", "decided_by", "decided_at"])
    Decision.objects.create(user=user, by=by, what=approval, reason=reason, rule=rule)
    write(_ACTIONS[approval], by=by, on=user, reason=reason, rule=rule)
    mail.send_later(user.pk)
    if approval == Approval.APPROVED:
        return
    access.give_up_changes(user)
    if approval == Approval.SUSPENDED:
        access.end(user)
    for withdraw in WITHDRAWN:
        withdraw(user, by)


def _keep_an_administrator(user: User) -> None:
    if user.is_admin and not administrators().exclude(pk=user.pk).exists():
        raise AccountError(
            _("This is the last administrator. Make somebody else an administrator first."), "last_administrator"
        )


def _required(reason: str) -> str:
    if not clean(reason):
        raise AccountError(_("Give a reason: it is sent to the person."), "no_reason", 422)
    return _checked(reason)


def _checked(reason: str) -> str:
    reason = clean(reason)
    if len(reason) > 1000:
        raise AccountError(_("The reason is longer than 1,000 characters."), "reason_too_long", 422)
    try:
        validate_prose(reason)
    except ValidationError as error:
        raise AccountError(error.messages[0], "control_characters", 422) from None
    return reason
