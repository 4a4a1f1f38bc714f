"""Whether an address has been proven: by a letter to it, by a provider that vouches for it, or by an administrator."""

from collections.abc import Collection

from allauth.account.models import EmailAddress
from django.db.models import Exists, OuterRef, QuerySet

from ondol.accounts.models import Approval, Decision, User
from ondol.audit.record import Action, write
from ondol.config import config

VOUCHED = "VOUCHED"
"""The decision of an administrator who has made sure, in another way, whose address it is."""

_OWN = EmailAddress.objects.filter(user=OuterRef("pk"), email__iexact=OuterRef("email"), verified=True)


def is_proven(user: User) -> bool:
    """Return whether the address that somebody has now is proven."""
    return EmailAddress.objects.filter(user=user, email__iexact=user.email, verified=True).exists()


def proven_among(people: Collection[int]) -> set[int]:
    """Return those whose address is proven, by id; one query."""
    return set(User.objects.filter(Exists(_OWN), pk__in=people).values_list("pk", flat=True))


def waiting() -> QuerySet[User]:
    """Return the pending requests."""
    return User.objects.filter(approval=Approval.PENDING, is_active=True)


def to_decide() -> QuerySet[User]:
    """Return the pending requests that an administrator decides: in the trial all, else of proven addresses."""
    return waiting().filter(Exists(_OWN)) if config().wants_proof else waiting()


def unproven() -> QuerySet[User]:
    """Return the pending requests whose address nobody has proven; none where that does not matter."""
    return waiting().exclude(Exists(_OWN)) if config().wants_proof else User.objects.none()


def to_announce() -> QuerySet[User]:
    """Return the requests that administrators get an e-mail about: where letters prove nothing, also unproven ones."""
    return to_decide() if config().email_verification == "mandatory" else waiting()


def vouch(user: User, by: User | None) -> None:
    """Count an address as proven, in the caller's transaction: somebody made sure in another way. It may run twice."""
    if not is_proven(user):
        mark(user)
        Decision.objects.create(user=user, by=by, what=VOUCHED)
        write(Action.VOUCH, by=by, on=user, email=user.email)


def mark(user: User) -> None:
    """Note that the address that somebody has now is proven."""
    known = EmailAddress.objects.filter(user=user, email__iexact=user.email).order_by("pk").first()
    address = known or EmailAddress(user=user, email=user.email.lower())
    EmailAddress.objects.filter(user=user, primary=True).exclude(pk=address.pk).update(primary=False)
    address.verified = address.primary = True
    address.save()
