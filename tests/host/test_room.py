"""A deep stack costs no more than a flat one."""

import resource
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ondol.host.room import with_room

CALLS, DEEPEST = 200, 150
TIMES = 5
"""A busy kernel takes pages away and gives them back; what the stack needs is asked for each time."""


def leaf(number: int) -> int:
    return number + 1


def faults_of_a_loop(depth: int) -> int:
    """Return how many pages the kernel had to give for a loop of calls at this depth."""
    if depth:
        return faults_of_a_loop(depth - 1) + 0
    return min(faults_of_one() for _time in range(TIMES))


def faults_of_one() -> int:
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for number in range(CALLS):
        list(map(leaf, (number,)))
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


def most_of(measure: Callable[[int], int]) -> int:
    """Return that of the depth at which it is most, in a thread as those of requests."""
    with ThreadPoolExecutor(1) as thread:
        return max(thread.submit(lambda: [measure(depth) for depth in range(DEEPEST)]).result())


def test_no_call_of_a_loop_asks_the_kernel_for_memory_at_any_depth():
    assert most_of(lambda depth: with_room(faults_of_a_loop, depth)) < CALLS // 4


def test_what_is_raised_inside_comes_out():
    assert with_room(sorted, [2, 1], reverse=True) == [2, 1]
    with pytest.raises(ValueError, match="no number"):
        with_room(int, "no number")
