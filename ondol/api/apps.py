"""Django's entry for this part."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """API."""

    name = "ondol.api"
