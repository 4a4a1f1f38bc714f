"""What has expired goes, and nothing that somebody still uses."""

from datetime import UTC, datetime, timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.cache import cache

from ondol.accounts import expired
from ondol.accounts.models import CacheEntry
from tests.accounts.conftest import person

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


def session(key, days, user):
    Session.objects.create(session_key=key, session_data="", expire_date=NOW + timedelta(days=days))
    UserSession.objects.create(user=user, session_key=key, ip="203.0.113.9", user_agent="Firefox")


@pytest.mark.parametrize("times", [1, 2])
def test_sessions_and_limits_that_have_expired_go(times):
    alice = person("alice")
    for key, days in [("hers", 14), ("a phone", 1), ("last year", -300), ("a minute ago", -0.001)]:
        session(key, days, alice)
    UserSession.objects.create(user=alice, session_key="signed out", ip="203.0.113.9", user_agent="Firefox")
    cache.set("tries:alice", 3, 600)
    cache.set("tries:last-week", 3, 600)
    CacheEntry.objects.filter(key__endswith="week").update(expires=NOW - timedelta(days=7))
    for _ in range(times):
        expired.prune()
    assert set(Session.objects.values_list("session_key", flat=True)) == {"hers", "a phone"}
    assert set(UserSession.objects.values_list("session_key", flat=True)) == {"hers", "a phone"}
    assert CacheEntry.objects.count() == 1
    assert cache.get("tries:alice") == 3


def test_the_limits_of_a_thousand_people_are_kept():
    """Django's own cache deletes a third of its rows when it is full, and so the counts of wrong passwords."""
    for number in range(1000):
        cache.set(f"tries:{number}", [1.0, 2.0], 600)
    assert all(cache.get(f"tries:{number}") == [1.0, 2.0] for number in (0, 1, 299, 300, 301, 500, 998, 999))
    assert CacheEntry.objects.count() == 1000
