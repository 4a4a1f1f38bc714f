"""Which rules apply to whom: a person's own, else the default ones, else those of the settings."""

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from ondol.config import config
from ondol.policy.models import Policy
from ondol.policy.rules import Source, inherited_rules, rules_for, rules_of
from tests.instances.rig import person

minutes = st.none() | st.sampled_from([15, 60, 720])


class Inheritance(TestCase):
    @given(own=minutes, everybody=minutes)
    def test_ones_own_then_everybodys_then_the_settings(self, own, everybody):
        alice = person("alice")
        Policy.objects.create(owner=alice, idle_minutes=own)
        Policy.objects.create(owner=None, idle_minutes=everybody)
        rules = rules_of(alice.pk)
        assert rules.idle_minutes == (own or everybody or config().idle_minutes)
        source = Source.OWN if own else Source.EVERYBODY if everybody else Source.SETTINGS
        assert rules.sources["idle_minutes"] is source
        assert inherited_rules(alice.pk).idle_minutes == (everybody or config().idle_minutes)
        assert inherited_rules(None).idle_minutes == config().idle_minutes


@pytest.mark.django_db
def test_of_many_people_it_is_one_question(django_assert_num_queries):
    people = [person(name) for name in ("alice", "bob", "carol")]
    Policy.objects.create(owner=people[0], awake_hours=0)
    Policy.objects.create(owner=None, awake_hours=8)
    with django_assert_num_queries(1):
        rules = rules_for([one.pk for one in people])
    assert [rules[one.pk].awake_hours for one in people] == [0, 8, 8]
    assert rules[None].awake_hours == 8
    assert rules[people[1].pk] is rules[None]  # one for nearly all, however many they are


@pytest.mark.django_db
def test_own_hours_are_of_one_piece():
    alice = person("alice")
    Policy.objects.create(owner=None, has_hours=True, opens_at=time(9), closes_at=time(22), zone="Europe/Berlin")
    Policy.objects.create(owner=alice, has_hours=True, opens_at=time(7), closes_at=time(23), weekends=False)
    hours = rules_of(alice.pk).hours
    assert (hours.opens, hours.closes, hours.weekends, hours.zone.key) == (time(7), time(23), False, "Asia/Seoul")
    Policy.objects.filter(owner=alice).update(has_hours=False)
    assert rules_of(alice.pk).hours is None
    Policy.objects.filter(owner=alice).update(has_hours=None)
    assert rules_of(alice.pk).hours.zone.key == "Europe/Berlin"


@pytest.mark.django_db
def test_the_nearest_words_are_told():
    alice = person("alice")
    Policy.objects.create(owner=None, why="For all.")
    assert rules_of(alice.pk).why == "For all."
    Policy.objects.create(owner=alice, why="For you.")
    assert (rules_of(alice.pk).why, rules_of(None).why) == ("For you.", "For all.")
