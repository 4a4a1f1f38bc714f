"""allauth's e-mails, written by a job: no page waits for a mail server, and each is in its reader's language.

A job's arguments are stored in the database, so a secret that opens an account is not among them: the job makes it.
"""

from typing import Any
from urllib.parse import urlsplit

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from django.urls import reverse
from django.utils import translation

from ondol.accounts import mail
from ondol.accounts.models import User
from ondol.audit.record import Action
from ondol.audit.record import write as record
from ondol.config import config
from ondol.outbox.jobs import send_later

TASK = "ondol.accounts.letter"
RESET = "account/email/password_reset_key"
CONFIRM, CONFIRM_AT_SIGN_UP = "account/email/email_confirmation", "account/email/email_confirmation_signup"


def write_later(template: str, to: str, about: int = 0) -> None:
    """Enqueue an e-mail in the caller's transaction; `about` is the key of its user or of its address, if it has
    one."""
    language = translation.get_language()
    send_later(TASK, template=template, to=to, about=about, language=language)


def write(template: str, to: str, about: int, language: str) -> None:
    """Write the e-mail; in `language` if its reader is unknown. Do nothing if its user or address is gone."""
    if template == CONFIRM and (owner := _owner_of_taken(about)):
        mail.write(owner, "address_taken", {"link": _link("account_login")})
        return
    context = _CONTEXTS[template](about)
    if context is None or (template == RESET and not _has(context["user"], to)):
        return
    if template in {CONFIRM, CONFIRM_AT_SIGN_UP}:  # to the address that it proves, whatever the job says
        to = context["address"]
    reader = context.get("user") or User.objects.filter(email__iexact=to).first()
    site = {"name": "Ondol", "domain": urlsplit(config().url).netloc}
    with translation.override(reader.language if reader else language):
        get_adapter().render_mail(
            template, to, {"email": to, "current_site": site, "site_url": config().url, **context}
        ).send()
    # An address that is nobody's is not written down: somebody may have typed a password there.
    other = to if reader and reader.email != to else ""
    record(Action.LETTER, on=reader, letter=template.rpartition("/")[2], to=other)


def _reset(user_id: int) -> dict[str, Any] | None:
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return None
    token = app_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(user)
    key = {"uidb36": user_pk_to_url_str(user), "key": token}
    return {"user": user, "password_reset_url": _link("account_reset_password_from_key", **key)}


def _has(user: User, address: str) -> bool:
    """Return whether an address is a person's: a job's row that an attacker has written may name another one."""
    same = EmailAddress.objects.filter(user=user, email__iexact=address, verified=True)
    return user.email.lower() == address.lower() or same.exists()


def _confirmation(address_id: int) -> dict[str, Any] | None:
    address = EmailAddress.objects.select_related("user").filter(pk=address_id, verified=False).first()
    if address is None:
        return None
    key = EmailConfirmationHMAC.create(address).key
    return {"user": address.user, "address": address.email, "activate_url": _link("account_confirm_email", key=key)}


def _owner_of_taken(address_id: int) -> User | None:
    """Return who has the address that somebody else wants to change to; the page does not say that it is taken."""
    wished = EmailAddress.objects.filter(pk=address_id, verified=False).first()
    if wished is None:
        return None
    return User.objects.filter(email__iexact=wished.email).exclude(pk=wished.user_id).first()


def _doors(_: int) -> dict[str, Any]:
    return {"signup_url": _link("account_signup"), "password_reset_url": _link("account_reset_password")}


def _link(name: str, **words: str) -> str:
    return config().url + reverse(name, kwargs=words)


_CONTEXTS = {
    RESET: _reset,
    CONFIRM: _confirmation,
    CONFIRM_AT_SIGN_UP: _confirmation,
    "account/email/account_already_exists": _doors,
    "account/email/unknown_account": _doors,
}
"""Every e-mail that allauth sends with our settings."""
