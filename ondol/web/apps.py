"""Django's entry for this part."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Pages."""

    name = "ondol.web"
