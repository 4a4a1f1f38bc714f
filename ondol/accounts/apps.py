"""Django's configuration of this app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People and approval."""

    name = "ondol.accounts"
