"""A page that is written asks the same only once; the next page asks again."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from ondol.database.kept import one_look
from ondol.policy.models import Policy
from ondol.policy.rules import rules_of
from tests.web.conftest import person


def test_the_same_is_asked_once_in_one_look_and_again_in_the_next(db):
    bob, ben = person("bob@example.org"), person("ben@example.org")
    rules_of(bob.pk)
    with CaptureQueriesContext(connection) as asked, one_look():
        rules_of(bob.pk)
        rules_of(bob.pk)
        with one_look():
            rules_of(bob.pk)
    assert len(asked) == 1
    with CaptureQueriesContext(connection) as asked, one_look():
        rules_of(bob.pk)
        rules_of(ben.pk)
    assert len(asked) == 2
    with CaptureQueriesContext(connection) as asked:
        rules_of(bob.pk)
        rules_of(bob.pk)
    assert len(asked) == 2


def test_what_an_administrator_has_changed_is_seen_in_the_next_look(db):
    bob = person("bob@example.org")
    with one_look():
        before = rules_of(bob.pk).idle_minutes
    Policy.objects.create(owner=bob, idle_minutes=before + 7)
    with one_look():
        assert rules_of(bob.pk).idle_minutes == before + 7
