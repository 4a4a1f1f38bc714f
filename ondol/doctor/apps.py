"""Django's entry for this part."""

from django.apps import AppConfig


class DoctorConfig(AppConfig):
    """Check-ups."""

    name = "ondol.doctor"
