"""The secrets of second factors, kept sealed: of an authenticator app (TOTP), and the seed of recovery codes.

allauth's adapter gets only the text to encrypt or decrypt, and not its owner. So each row seals its own secrets before
it is saved, and its text in memory has the label under which it opens. A passkey's row has no secret: its public key is
all that a server needs.
"""

import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.contrib import messages
from django.db.models.signals import post_init, pre_save
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from ondol.deployment import alerts, fingerprints
from ondol.keys import vault
from ondol.keys.kept import Kept
from ondol.whom_to_ask import ask

log = logging.getLogger(__name__)
_SECRETS = ("secret", "seed")
_SHOW_CODES = {"mfa_view_recovery_codes", "mfa_download_recovery_codes"}


class _Text(str):
    """A secret as its row has it, with the label under which it opens."""

    label: vault.Label


class MFAAdapter(DefaultMFAAdapter):
    """Opens what `_seal` has sealed."""

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret. If it does not open, no code is right, and the person is told so."""
        label = getattr(encrypted_text, "label", vault.Label("", ""))
        try:
            return _open(label, encrypted_text)
        except vault.VaultError as error:
            return _shut(label, error)


def everything() -> Iterator[Kept]:
    """Return all secrets of second factors."""
    with_secret = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
    for row in Authenticator.objects.filter(type__in=with_secret).iterator(100):
        for name in _SECRETS:
            if isinstance(text := row.data.get(name), _Text):
                yield Kept(
                    f"second factor ({row.type}) of person {row.user_id}",
                    vault.from_text(text),
                    partial(_open, text.label, text),
                    partial(_replace, row, name),
                )


def connect() -> None:
    """Connect the receivers that seal rows of second factors."""
    post_init.connect(_bind, sender=Authenticator, dispatch_uid=__name__)
    pre_save.connect(_seal, sender=Authenticator, dispatch_uid=__name__)


def _bind(instance: Authenticator, **_about: Any) -> None:
    data = vars(instance).get("data")  # a queryset may have left it out
    for name in _SECRETS:
        if isinstance(data, dict) and isinstance(text := data.get(name), str):
            data[name] = _bound(text, vault.Label(instance.type, str(instance.user_id)))


def _seal(instance: Authenticator, **_about: Any) -> None:
    _bind(instance)
    for name in _SECRETS:
        if isinstance(text := instance.data.get(name), _Text) and not vault.from_text(text):
            _hold_sealing_key()
            instance.data[name] = _bound(vault.seal_text(text.label, text), text.label)


def _hold_sealing_key() -> None:
    try:
        fingerprints.hold_sealing_key()
    except fingerprints.OtherKeys as error:
        if (request := context.request) is None:
            raise
        log.error("a second factor cannot be sealed: %s", error)
        messages.error(request, ask(_("Nothing was set up. Ask an administrator to restart Ondol’s website.")))
        raise ImmediateHttpResponse(redirect("mfa_index")) from None


def _bound(text: str, label: vault.Label) -> _Text:
    bound = _Text(text)
    bound.label = label
    return bound


def _open(label: vault.Label, text: str) -> str:
    sealed = vault.from_text(text)
    return vault.open_sealed(label, sealed) if sealed else str(text)  # an earlier version has kept it in clear


def _replace(row: Authenticator, name: str, secret: str) -> int:
    """Seal a secret with the first key; a code that was used meanwhile stays used."""
    text = row.data[name]
    fresh = {**row.data, name: vault.seal_text(text.label, secret)}
    return Authenticator.objects.filter(pk=row.pk, data=row.data).update(data=fresh)


def _shut(label: vault.Label, error: vault.VaultError) -> str:
    """Notify the person and the administrators, and return a random secret, so that no code is right.

    allauth counts the recovery codes on several pages; if it would show codes of that secret, the request ends.
    """
    if isinstance(error, vault.Tampered):
        alerts.notify_of_tampering(label)
    if (request := context.request) is None:  # nobody is there to be told
        raise error
    told: set[str] = vars(request).setdefault("_told_of_second_factors", set())
    if label.kind not in told:
        told.add(label.kind)
        log.error("a second factor does not open: %s", error, extra={"kind": label.kind, "person": label.owner})
        messages.error(request, _sentence(label.kind))
    if label.kind == Authenticator.Type.TOTP:
        return generate_totp_secret()
    if request.resolver_match.view_name in _SHOW_CODES:
        raise ImmediateHttpResponse(redirect("mfa_generate_recovery_codes"))
    return RecoveryCodes.generate_seed()


def _sentence(kind: str) -> str:
    if kind == Authenticator.Type.TOTP:
        return ask(
            _(
                "Codes of your authenticator app cannot be checked: what is stored of it cannot be decrypted. "
                "Use a recovery code or a passkey, or ask an administrator."
            )
        )
    return _(
        "Your recovery codes no longer work: what is stored of them cannot be decrypted. Once you are "
        "signed in, create new ones."
    )
