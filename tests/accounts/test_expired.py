"""What has expired goes, and nothing that somebody still uses."""

from datetime import UTC, datetime, timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection

from ondol.accounts import expired
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
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ondol_cache SET expires = %s WHERE cache_key LIKE '%%week'", [NOW - timedelta(days=7)])
    for _ in range(times):
        expired.prune()
    assert set(Session.objects.values_list("session_key", flat=True)) == {"hers", "a phone"}
    assert set(UserSession.objects.values_list("session_key", flat=True)) == {"hers", "a phone"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ondol_cache")
        assert cursor.fetchone() == (1,)
    assert cache.get("tries:alice") == 3


def test_the_limits_of_a_thousand_people_are_kept():
    """Django forgets a third of a cache that is full, and thereby how often somebody has tried a password."""
    assert settings.CACHES["default"]["OPTIONS"]["MAX_ENTRIES"] >= 10 * 1000
