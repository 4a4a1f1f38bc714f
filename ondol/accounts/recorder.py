"""Record allauth's and Django's signals about sign-ins, second factors and providers."""

from typing import Any

from allauth.account.signals import authentication_step_completed
from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.cache import cache
from django.db.models.signals import post_delete, pre_save
from django.http import HttpRequest

from ondol.accounts import recent
from ondol.accounts.models import User
from ondol.accounts.security_letters import record_and_tell
from ondol.audit.origin import address_of
from ondol.audit.record import Action, Outcome, asker, write

_AGAIN = 300
"""The seconds between two rows about sign-ins from one address that has to wait: rows take space."""


def connect() -> None:
    """Connect the receivers that write the rows."""
    for signal, receiver in (
        (user_logged_in, _signed_in),
        (user_logged_out, _signed_out),
        (user_login_failed, _password_refused),
        (authentication_failed, _factor_refused),
        (authentication_step_completed, _confirmed),
    ):
        signal.connect(receiver, dispatch_uid=f"{__name__}.{receiver.__name__}")
    # Recorded before the save and after the deletion, in the same transaction: none changes without its record.
    for model, added, removed in (
        (Authenticator, Action.FACTOR_ADD, Action.FACTOR_REMOVE),
        (SocialAccount, Action.PROVIDER_ADD, Action.PROVIDER_REMOVE),
    ):
        pre_save.connect(_teller(added, is_new=True), sender=model, weak=False, dispatch_uid=f"{__name__}.{added}")
        post_delete.connect(_teller(removed), sender=model, weak=False, dispatch_uid=f"{__name__}.{removed}")


def too_many(request: HttpRequest, email: str) -> None:
    """Record a sign-in that the limit has refused: once in five minutes for each address and account."""
    person = _known(email)
    if cache.add(f"record:wait:{address_of(request)}:{person.pk if person else ''}", 1, _AGAIN):
        write(Action.SIGN_IN, on=person, outcome=Outcome.REFUSED, code="too_many")


def _signed_in(request: HttpRequest, user: User, **_about: Any) -> None:
    write(Action.SIGN_IN, by=user, on=user)


def _signed_out(request: HttpRequest, user: User | None, **_about: Any) -> None:
    if user is not None:
        write(Action.SIGN_OUT, by=user, on=user)


def _password_refused(credentials: dict[str, Any], **_about: Any) -> None:
    """Record a wrong password. Name only people we know: somebody may have typed a password as the address."""
    _refused(_known(str(credentials.get("email", ""))), "password")


def _factor_refused(user: User, **_about: Any) -> None:
    _refused(user, "second_factor")


def _refused(user: User | None, code: str) -> None:
    """Write the row. After five wrong tries in a session it ends: somebody may be guessing in another's session."""
    by = asker()
    if by is not None and user is not None and by.pk == user.pk and recent.is_last_try(context.request):
        record_and_tell(Action.CONFIRM, user, outcome=Outcome.REFUSED, code="too_many")
        raise recent.SessionEnded
    write(Action.CONFIRM if by else Action.SIGN_IN, by=by, on=user, outcome=Outcome.REFUSED, code=code)


def _confirmed(user: User, method: str, **_about: Any) -> None:
    by = asker()
    if by is not None and by.pk == user.pk and method != "signup":
        write(Action.CONFIRM, by=user, on=user, method=method)


def _known(email: str) -> User | None:
    return User.objects.filter(email__iexact=email.replace("\x00", "")).first()


def _teller(action: Action, *, is_new: bool = False) -> Any:
    def tell(instance: Any, **_about: Any) -> None:
        if instance._state.adding or not is_new:
            kind = getattr(instance, "type", "") or getattr(instance, "provider", "")
            by = asker()
            # Recovery codes come with the first factor, and other accounts with their person: both are no news.
            is_news = kind != Authenticator.Type.RECOVERY_CODES and by is not None and by.pk == instance.user.pk
            if is_news:
                record_and_tell(action, instance.user, kind=str(kind))
            else:
                write(action, by=by, on=instance.user, kind=str(kind))

    return tell
