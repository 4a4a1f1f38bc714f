"""Django's configuration of this app."""

from django.apps import AppConfig


class PolicyConfig(AppConfig):
    """Policy."""

    name = "ondol.policy"
