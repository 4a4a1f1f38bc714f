"""Machines' lives, written down by hand or made up by hypothesis."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from ondol.costs.calculation import Change
from ondol.instances.states import MOVES, Reason, Status

KST = ZoneInfo("Asia/Seoul")
MICROSECOND = timedelta(microseconds=1)


def kst(text: str) -> datetime:
    """`06-01 09:00` of 2026, in Seoul."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=KST).astimezone(UTC)


def life(*lines: str, size: tuple[str, int] = ("t3.small", 30)) -> list[Change]:
    """Return the changes from lines such as `06-01 09:00 RUNNING`, or `… STOPPED IDLE`."""
    changes = []
    for line in lines:
        day, hour, status, *why = line.split()
        changes.append(Change(kst(f"{day} {hour}"), Status(status), Reason(why[0] if why else "DONE"), *size))
    return changes


def moments(from_year: int, from_month: int, to_year: int, to_month: int) -> st.SearchStrategy[datetime]:
    """Return moments in UTC, from the first of one month to the first of another, with fractions of seconds."""
    first, last = datetime(from_year, from_month, 1, tzinfo=UTC), datetime(to_year, to_month, 1, tzinfo=UTC)
    return spans(last - first).map(lambda span: first + span)


def spans(longest: timedelta) -> st.SearchStrategy[timedelta]:
    """Return time-spans as one number each, where `st.timedeltas` and `st.datetimes` draw three to seven."""
    return st.integers(0, longest // MICROSECOND).map(lambda number: number * MICROSECOND)


def _move(changes: list[Change], choice: int, pause: timedelta, reason: Reason) -> list[Change]:
    last = changes[-1]
    possible = sorted(MOVES[last.status])
    if not possible:
        return changes
    status = possible[choice % len(possible)]
    if status is Status.RUNNING and last.status is Status.STOPPING and choice % 2:
        reason = Reason.STOP_FAILED
    return [*changes, Change(last.at + pause, status, reason, last.instance_type, last.volume_gib)]


MOVES_TO_COME = st.lists(
    st.tuples(
        st.integers(0, 9),
        spans(timedelta(minutes=3)) | spans(timedelta(days=40)),
        st.sampled_from([Reason.DONE, Reason.IDLE, Reason.PERSON]),
    ),
    max_size=14,
)
"""Which of the possible moves, after what pause, and why."""
SIZES = st.tuples(st.sampled_from(["t3.small", "t3.medium"]), st.sampled_from([30, 100]))
BIRTHS = moments(2026, 1, 2026, 7)


@st.composite
def lives(draw: st.DrawFn) -> list[Change]:
    """Any order of changes that the state machine allows, seconds or weeks apart."""
    changes = [Change(draw(BIRTHS), Status.PENDING, Reason.PERSON, *draw(SIZES))]
    for choice, pause, reason in draw(MOVES_TO_COME):
        changes = _move(changes, choice, pause, reason)
    return changes
