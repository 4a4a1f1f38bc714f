"""Loops are slowed down; people who wait are not, and each person is counted alone."""

from types import SimpleNamespace

import pytest

from ondol.api.throttle import PerPerson


class Clock:
    def __init__(self) -> None:
        self.time = 1_000_000_020.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def process(clock):
    """Return one web process."""
    return PerPerson(reads=10, wishes=3, batch=5, now=clock)


def asks(process, who, method="POST", times=1, token=1):
    """Return how many of the calls are let through."""
    request = SimpleNamespace(method=method, auth=SimpleNamespace(pk=who), token=token)
    return sum(process.allow_request(request) for _ in range(times))


def test_wishes_and_looks_have_limits_of_their_own(process):
    assert asks(process, "alice", times=5) == 3
    assert asks(process, "alice", "GET", times=10) == 10
    assert asks(process, "alice", "GET", times=20) < 6
    assert asks(process, "alice", "DELETE") == 0


def test_bob_is_not_slowed_down_by_alice(process):
    asks(process, "alice", times=5)
    assert asks(process, "bob", times=3) == 3


def test_a_stolen_token_uses_up_nothing_of_its_owners_other_ways(process):
    assert asks(process, "alice", times=5, token=7) == 3
    assert asks(process, "alice", times=3, token=8) == 3
    session = SimpleNamespace(method="POST", auth=SimpleNamespace(pk="alice"), session=SimpleNamespace(session_key="a"))
    assert process.allow_request(session)


def test_the_next_minute_is_a_new_one(process, clock):
    asks(process, "alice", times=5)
    assert process.wait() == 60
    clock.time += 59
    assert process.wait() == 1
    assert asks(process, "alice") == 0
    clock.time += 1
    assert asks(process, "alice") == 1


def test_processes_count_together(process, clock):
    other = PerPerson(reads=10, wishes=3, batch=5, now=clock)
    assert asks(process, "alice", times=2) == 2
    assert asks(other, "alice", times=2) == 1


def test_a_look_hardly_costs_anything(process, django_assert_num_queries):
    asks(process, "alice", "GET")
    with django_assert_num_queries(0):
        asks(process, "alice", "GET", times=3)
