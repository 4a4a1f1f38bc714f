"""The cache that all processes share, in PostgreSQL, as JSON.

Django's own cache in a database unpickles what it reads, so whoever can write one row runs code in the web process.
Database errors are raised: if they counted as a missing entry, allauth would report too many tries.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import DatabaseError, IntegrityError, OperationalError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from ondol.accounts.models import CacheEntry


class JsonCache(BaseCache):
    """Keeps what JSON can say: the counts and times of rate limits."""

    def __init__(self, _location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """Return the value, or the default if there is none that has not expired."""
        found = self._alive(key, version).values_list("value", flat=True).first()
        return default if found is None else found

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Set the value where there is none; return whether it was set."""
        try:
            with _writing(), transaction.atomic():
                CacheEntry.objects.filter(key=self.make_and_validate_key(key, version), expires__lte=Now()).delete()
                self._entry(key, value, timeout, version).save(force_insert=True)
        except IntegrityError:
            return False
        return True

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Set the value, whatever there is."""
        entry = self._entry(key, value, timeout, version)
        with _writing():
            CacheEntry.objects.bulk_create(
                [entry], update_conflicts=True, unique_fields=["key"], update_fields=["value", "expires"]
            )

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Let the value expire at another time; return whether there is one."""
        with _writing():
            return self._alive(key, version).update(expires=self._end(timeout)) > 0

    def delete(self, key: str, version: int | None = None) -> bool:
        """Delete the value; return whether there was one."""
        with _writing():
            return CacheEntry.objects.filter(key=self.make_and_validate_key(key, version)).delete()[0] > 0

    def clear(self) -> None:
        """Delete everything."""
        CacheEntry.objects.all().delete()

    def _alive(self, key: str, version: int | None) -> QuerySet[CacheEntry]:
        alive = Q(expires=None) | Q(expires__gt=Now())
        return CacheEntry.objects.filter(alive, key=self.make_and_validate_key(key, version))

    def _entry(self, key: str, value: Any, timeout: Any, version: int | None) -> CacheEntry:
        return CacheEntry(key=self.make_and_validate_key(key, version), value=value, expires=self._end(timeout))

    def _end(self, timeout: Any) -> Any:
        """Return when something ends, by PostgreSQL's clock, which all hosts share; None if never."""
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        return None if seconds is None else Now() + timedelta(seconds=seconds)


@contextmanager
def _writing() -> Iterator[None]:
    """Raise OperationalError, which has an error page, for whatever keeps PostgreSQL from writing."""
    try:
        yield
    except IntegrityError:
        raise
    except DatabaseError as error:
        raise OperationalError("the shared cache cannot be written") from error


def forget_expired() -> int:
    """Delete what has expired; return how many entries there were."""
    return CacheEntry.objects.filter(expires__lte=Now()).delete()[0]
