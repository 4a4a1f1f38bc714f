"""Django's entry for this part."""

from django.apps import AppConfig


class AutostopConfig(AppConfig):
    """Auto-stop."""

    name = "ondol.autostop"
