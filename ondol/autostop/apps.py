"""Django's configuration of this app."""

from django.apps import AppConfig


class AutostopConfig(AppConfig):
    """Auto-stop."""

    name = "ondol.autostop"
