"""Django's entry for this part."""

from django.apps import AppConfig


class PolicyConfig(AppConfig):
    """Policy."""

    name = "ondol.policy"
