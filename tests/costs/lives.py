"""Machines' lives, written down by hand or made up by hypothesis."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from ondol.costs.calculation import Change
from ondol.instances.lifecycle import MOVES, Reason, Status

KST = ZoneInfo("Asia/Seoul")


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
    first, last = datetime(from_year, from_month, 1), datetime(to_year, to_month, 1)  # noqa: DTZ001  hypothesis adds it
    return st.datetimes(first, last, timezones=st.just(UTC))


def _move(changes: list[Change], choice: int, pause: timedelta, reason: Reason) -> list[Change]:
    last = changes[-1]
    possible = sorted(MOVES[last.status])
    if not possible:
        return changes
    status = possible[choice % len(possible)]
    if status is Status.RUNNING and last.status is Status.STOPPING and choice % 2:
        reason = Reason.STOP_FAILED
    return [*changes, Change(last.at + pause, status, reason, last.instance_type, last.volume_gib)]


@st.composite
def lives(draw: st.DrawFn) -> list[Change]:
    """Any order of changes that the state machine allows, seconds or weeks apart."""
    first = draw(moments(2026, 1, 2026, 7))
    size = (draw(st.sampled_from(["t3.small", "t3.medium"])), draw(st.sampled_from([30, 100])))
    changes = [Change(first, Status.PENDING, Reason.PERSON, *size)]
    pauses = st.one_of(st.timedeltas(timedelta(), timedelta(minutes=3)), st.timedeltas(timedelta(), timedelta(days=40)))
    reasons = st.sampled_from([Reason.DONE, Reason.IDLE, Reason.PERSON])
    for choice, pause, reason in draw(st.lists(st.tuples(st.integers(0, 9), pauses, reasons), max_size=14)):
        changes = _move(changes, choice, pause, reason)
    return changes
