"""Django's entry for this part."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People and approval."""

    name = "ondol.accounts"
