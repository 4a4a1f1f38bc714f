"""Django's configuration of this app."""

from django.apps import AppConfig


class CostsConfig(AppConfig):
    """Costs."""

    name = "ondol.costs"

    def ready(self) -> None:
        """Connect the check that no machine starts beyond a budget that stops machines."""
        from ondol.costs.budget import require_room  # noqa: PLC0415  models come first
        from ondol.instances.actions import MAY_RUN  # noqa: PLC0415

        MAY_RUN.append(require_room)
