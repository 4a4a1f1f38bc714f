"""Django's configuration of this app."""

from django.apps import AppConfig


class InstancesConfig(AppConfig):
    """Machines."""

    name = "ondol.instances"

    def ready(self) -> None:
        """Connect the sealing of second factors, and stop the machine of whoever is not approved any more."""
        from ondol.accounts.people import WITHDRAWN  # noqa: PLC0415  models are loaded by now
        from ondol.deployment import second_factors  # noqa: PLC0415
        from ondol.instances.actions import withdraw  # noqa: PLC0415

        second_factors.connect()
        WITHDRAWN.append(withdraw)
