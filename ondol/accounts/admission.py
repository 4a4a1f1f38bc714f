"""Whom the institute's rules let in: by the domain of an address, or by what its own sign-in says of somebody."""

import logging
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from ondol.accounts import people, proof
from ondol.accounts.models import AddressChange, Approval, Role, User
from ondol.audit.models import Entry
from ondol.audit.record import Action
from ondol.config import config

log = logging.getLogger(__name__)


def require_domain(address: str) -> None:
    """Raise ValidationError if addresses of this domain may not ask for an account."""
    permitted = config().sign_up_domains
    if permitted and _domain(address) not in permitted:
        text = _("Use an address of your institute: one that ends with %(domains)s.")
        raise ValidationError(text, "domain", {"domains": ", ".join(f"@{domain}" for domain in permitted)})


def note_reset(user: User, **_signal: Any) -> None:
    """Count an address as proven when the link for a new password was opened: an e-mail brought it there."""
    proof.mark(user)
    admit(user)


def admit(user: User, login: Any = None) -> None:
    """Approve a pending request, and give or take a role, where a rule says so. It may run twice.

    `login` is allauth's social login, if they have just come by a provider.
    """
    claims = _claims(login)
    if user.approval == Approval.PENDING and (reason := _why(user, claims)) and not _was_refused(user.email):
        people.approve_by_rule(user.pk, reason)
    wanted = config().oidc_admin_claim
    if claims is None or wanted is None:
        return
    role = Role.ADMIN if _has(claims, wanted) else Role.MEMBER
    try:
        people.set_role(user.pk, None, role, "=".join(wanted))
    except people.AccountError as refusal:  # not approved, or the last administrator
        log.info("person %s stays as they are: %s", user.pk, refusal.code)


def _why(user: User, claims: dict[str, Any] | None) -> str:
    """Return the rule by which somebody is approved; empty if there is none."""
    settings = config()
    if claims is not None and settings.oidc_approved_claim and _has(claims, settings.oidc_approved_claim):
        return "=".join(settings.oidc_approved_claim)
    domain = _domain(user.email)
    return f"@{domain}"[:200] if domain in settings.approved_domains and proof.is_proven(user) else ""


def _was_refused(address: str) -> bool:
    """Return whether an address is, or was once, that of somebody rejected or suspended: then administrators decide.

    A tag after a plus sign does not make another address.
    """
    local, _at, domain = address.rpartition("@")
    plain = local.partition("+")[0]
    out = User.objects.filter(approval__in=[Approval.REJECTED, Approval.SUSPENDED])

    def is_same(field: str) -> Q:
        tagged = Q(**{f"{field}__istartswith": f"{plain}+", f"{field}__iendswith": f"@{domain}"})
        return Q(**{f"{field}__iexact": f"{plain}@{domain}"}) | tagged

    had = AddressChange.objects.filter(is_same("old") | is_same("new"), user__in=out)
    was = Entry.objects.filter(is_same("details__old"), action=Action.EMAIL, on_id__in=out.values("pk"))
    return out.filter(is_same("email")).exists() or had.exists() or was.exists()


def _claims(login: Any) -> dict[str, Any] | None:
    """Return what the institute's sign-in says of somebody; None if they have not come by it."""
    if login is None or login.account.provider != "oidc":
        return None
    said = login.account.extra_data
    return {**(said.get("id_token") or {}), **(said.get("userinfo") or {})}


def _has(claims: dict[str, Any], wanted: tuple[str, str]) -> bool:
    """Return whether a claim has this value. Groups and roles are lists."""
    found = claims.get(wanted[0])
    values = found if isinstance(found, list) else [found]
    return any(wanted[1] == (str(value).lower() if isinstance(value, bool) else str(value)) for value in values)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
