"""CloudWatch evaluates as its user guide says: the tables there, and the stories of machines that idle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.cloudwatch.judge import Alarmed, Datapoint, Rule, Window, judge, windows

OK, ALARM, NO_DATA, STAYS = Alarmed.OK, Alarmed.ALARM, Alarmed.INSUFFICIENT_DATA, None


def seen(text: str) -> list[Window]:
    """Return the windows of `0 - X`, oldest first as in the guide: fine, missing, breaching."""
    values = {"0": 0.0, "X": 100.0, "-": None}
    return [Window(0.0, values[mark]) for mark in reversed(text.split())]


def rule(needed: int = 3, periods: int = 3, missing: str = "missing") -> Rule:
    return Rule(60, periods, needed, "GreaterThanThreshold", 50.0, missing=missing)


# "Configuring how CloudWatch alarms treat missing data": data, missing, ignore, breaching, notBreaching
THREE_OF_THREE = [
    ("0 - X - X", OK, OK, OK, OK),
    ("- - - - 0", OK, OK, OK, OK),
    ("- - - - -", NO_DATA, STAYS, ALARM, OK),
    ("0 X X - X", ALARM, ALARM, ALARM, ALARM),
    ("- - X - -", ALARM, STAYS, ALARM, OK),
]
TWO_OF_THREE = [
    ("0 - X - X", ALARM, ALARM, ALARM, ALARM),
    ("0 0 X 0 X", ALARM, ALARM, ALARM, ALARM),
    ("0 - X - -", OK, OK, ALARM, OK),
    ("- - - - 0", OK, OK, ALARM, OK),
    ("- - - X -", ALARM, STAYS, ALARM, OK),
]
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("row", THREE_OF_THREE, ids=lambda row: row[0])
def test_the_guides_table_for_three_of_three(row: tuple, treatment: str) -> None:
    expected = row[1 + TREATMENTS.index(treatment)]
    assert judge(rule(3, missing=treatment), seen(row[0])).state is expected


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("row", TWO_OF_THREE, ids=lambda row: row[0])
def test_the_guides_table_for_two_of_three(row: tuple, treatment: str) -> None:
    expected = row[1 + TREATMENTS.index(treatment)]
    assert judge(rule(2, missing=treatment), seen(row[0])).state is expected


@pytest.mark.parametrize("data", ["- - - - X", "- - - X -", "- - - X X"])
def test_one_late_breaching_point_does_not_alarm_yet(data: str) -> None:
    """The next point may be fine."""
    assert judge(rule(3), seen(data)).state is STAYS


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("LessThanThreshold", {4.9}),
        ("LessThanOrEqualToThreshold", {4.9, 5.0}),
        ("GreaterThanThreshold", {5.1}),
        ("GreaterThanOrEqualToThreshold", {5.0, 5.1}),
    ],
)
def test_the_threshold_itself_counts_only_where_the_operator_says_so(comparison: str, breaching: set) -> None:
    compared = Rule(60, 1, 1, comparison, 5.0)
    assert {value for value in (4.9, 5.0, 5.1) if compared.breached_by(value)} == breaching


marks = st.lists(st.sampled_from("0X-"), min_size=5, max_size=5).map(" ".join)


@given(marks, st.sampled_from([2, 3]))
def test_with_three_real_points_the_treatment_of_missing_ones_plays_no_part(data: str, needed: int) -> None:
    if data.count("-") <= 2:
        assert len({judge(rule(needed, missing=how), seen(data)).state for how in TREATMENTS}) == 1


@given(marks)
def test_insufficient_data_means_that_there_is_none_at_all(data: str) -> None:
    assert (judge(rule(3), seen(data)).state is NO_DATA) == (set(data.split()) == {"-"})


@given(marks)
def test_a_stop_alarm_never_fires_while_a_recent_point_is_fine(data: str) -> None:
    newest = [mark for mark in data.split() if mark != "-"][-1:]
    if newest == ["0"]:
        assert judge(rule(3), seen(data)).state is not ALARM


# -- windows ---------------------------------------------------------------------------------------------------------

IDLE = Rule(300, 6, 6, "LessThanThreshold", 5.0)


def point(minute: float, percent: float, delay: float = 1) -> Datapoint:
    return Datapoint(minute * 60, (minute + 5 + delay) * 60, 5, percent * 5, percent, percent)


def test_windows_slide_with_the_minute_and_hold_one_datapoint_each() -> None:
    points = [point(5 * number, number) for number in range(20)]
    for minute in range(45, 90):
        values = [window.value for window in windows(IDLE, points, minute * 60)]
        known = [value for value in values if value is not None]
        assert known == sorted(known, reverse=True)
        assert len(known) >= 6


def test_a_datapoint_that_is_not_visible_yet_does_not_exist() -> None:
    assert windows(IDLE, [point(0, 1.0)], 5 * 60)[0].value is None
    assert [w.value for w in windows(IDLE, [point(0, 1.0)], 6 * 60)[:2]] == [None, 1.0]


def test_a_wrong_unit_is_missing_data_forever() -> None:
    wrong = Rule(300, 6, 6, "LessThanThreshold", 5.0, unit="Bytes")
    points = [point(5 * number, 0.0) for number in range(20)]
    assert judge(wrong, windows(wrong, points, 100 * 60)).state is NO_DATA


def first_alarm(points: list[Datapoint], start: int = 0, end: int = 240) -> int | None:
    """Return the first minute at which a machine with these datapoints would be stopped."""
    for minute in range(start, end):
        if judge(IDLE, windows(IDLE, points, minute * 60)).state is ALARM:
            return minute
    return None


@given(busy=st.integers(0, 120), phase=st.integers(0, 4))
def test_an_idle_machine_is_stopped_30_to_41_minutes_after_its_last_work(busy: int, phase: int) -> None:
    """Sujin's job ends `busy` minutes after the first datapoint; her clock stands anywhere in a period."""
    points = []
    for number in range(60):
        minutes = range(number * 5 + phase, number * 5 + phase + 5)
        percent = sum(50.0 for minute in minutes if minute < busy + phase) / 5
        points.append(point(number * 5, percent))
    stopped = first_alarm(points, start=40, end=280)
    assert stopped is not None
    assert stopped >= 40 or busy == 0
    assert 30 <= stopped - busy <= 41 or stopped == 40


def test_a_machine_that_works_once_in_half_an_hour_is_left_alone() -> None:
    points = [point(5 * number, 50.0 if number % 6 == 0 else 0.0) for number in range(60)]
    assert first_alarm(points, start=40) is None


def test_old_idle_points_would_stop_a_fresh_machine_without_a_warm_up() -> None:
    """This is why the client replaces its alarm, with a warm-up: the points before the stop still count."""
    before = [point(5 * number, 0.0) for number in range(8)]
    assert first_alarm(before, start=46) == 46
