"""Not too much at once: counted by person and minute, in the cache that all web processes share."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from django.core.cache import cache
from django.http import HttpRequest
from ninja.throttling import BaseThrottle

from ondol.api.auth import ApiRequest


@dataclass
class PerPerson(BaseThrottle):
    """A fixed window. Two at the same instant may count as one: this keeps loops in check, it guards no secret."""

    reads: int = 600
    wishes: int = 60
    """Each window: ten looks and one wish a second. Nobody who waits for a machine gets there."""
    window: int = 60
    now: Callable[[], float] = time.time

    def allow_request(self, request: HttpRequest) -> bool:
        is_read = request.method == "GET"
        user = cast(ApiRequest, request).auth
        key = f"api:{user.pk}:{'read' if is_read else 'wish'}:{int(self.now() // self.window)}"
        count: int = cache.get(key, 0)
        if count >= (self.reads if is_read else self.wishes):
            return False
        cache.set(key, count + 1, self.window)
        return True

    def wait(self) -> float:
        """Seconds until the next window."""
        return math.ceil(self.window - self.now() % self.window)


PER_PERSON = PerPerson()
