"""Django's entry for this part."""

from django.apps import AppConfig


class InstancesConfig(AppConfig):
    """Machines."""

    name = "ondol.instances"

    def ready(self) -> None:
        """Let second factors seal themselves, in every process that may save one."""
        from ondol.deployment import second_factors  # noqa: PLC0415  models are loaded by now

        second_factors.connect()
