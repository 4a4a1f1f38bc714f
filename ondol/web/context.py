"""What every template may use."""

from typing import Any

from django.http import HttpRequest

from ondol.clock import clock


def site(request: HttpRequest) -> dict[str, Any]:
    """The trial's clock, where there is one."""
    return {"trial_clock": None if clock().is_real else clock()}
