"""Django's entry for this part."""

from django.apps import AppConfig


class InstancesConfig(AppConfig):
    """Machines."""

    name = "ondol.instances"
