"""Rate limits, counted by person, credential and minute in the cache that all web processes share."""

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import cast

from django.core.cache import cache
from django.http import HttpRequest
from ninja.throttling import BaseThrottle

from ondol.api.auth import ApiRequest


@dataclass
class PerPerson(BaseThrottle):
    """Limits requests in a fixed window. The count is approximate: it slows loops down, and protects no secret."""

    reads: int = 600
    wishes: int = 60
    """The limits of each window: ten reads and one request a second. Nobody who waits for a machine reaches them. The
    buttons of pages count as requests, too."""
    batch: int = 20
    """Reads are shared with the other processes in batches; each would otherwise cost a write."""
    window: int = 60
    now: Callable[[], float] = time.time
    _number: int = 0
    _untold: Counter[str] = field(default_factory=Counter)
    _full: set[str] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def allow_request(self, request: HttpRequest) -> bool:
        asker = cast(ApiRequest, request)
        return self.allows(asker.auth.pk, is_read=request.method == "GET", through=credential_of(asker))

    def allows(self, person: int, *, is_read: bool, through: str) -> bool:
        """Count one more request of this person and credential, and return whether it is within the limit."""
        number = int(self.now() // self.window)
        key = f"api:{person}:{through}:{'read' if is_read else 'wish'}:{number}"
        step, limit = (self.batch, self.reads) if is_read else (1, self.wishes)
        with self._lock:
            if number != self._number:
                self._number, self._untold, self._full = number, Counter(), set()
            if key in self._full:
                return False
            self._untold[key] += 1
            if self._untold[key] < step:
                return True
            del self._untold[key]
        count: int = cache.get(key, 0)
        if count >= limit:
            self._full.add(key)
            return False
        cache.set(key, count + step, self.window)
        return True

    def wait(self) -> float:
        """Return the seconds until the next window."""
        return math.ceil(self.window - self.now() % self.window)


def credential_of(request: ApiRequest) -> str:
    """Return the credential of a request. Each is counted separately: the thief of a token must not use up the requests
    that its owner needs to revoke it."""
    return f"token-{request.token}" if hasattr(request, "token") else f"session-{request.session.session_key}"


PER_PERSON = PerPerson()
