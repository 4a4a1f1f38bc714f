"""Django's configuration of this app."""

from django.apps import AppConfig


class DoctorConfig(AppConfig):
    """Check-ups."""

    name = "ondol.doctor"
