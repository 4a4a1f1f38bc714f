"""Django's configuration of this app."""

from allauth.account.signals import authentication_step_completed, password_reset
from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People and approval."""

    name = "ondol.accounts"

    def ready(self) -> None:
        """Connect our receivers to allauth's signals, and record sign-ins."""
        from ondol.accounts import admission, recent, recorder  # noqa: PLC0415  models are there only now

        password_reset.connect(admission.note_reset, dispatch_uid="ondol.accounts.reset")
        authentication_step_completed.connect(recent.confirmed, dispatch_uid="ondol.accounts.recent")
        recorder.connect()
