"""Which requests a machine accepts in which state."""

import pytest

from localcloud.ec2.states import SETTLES, TRANSITIONS, Refused, State, after, checks

REFUSED = [
    ("start", State.STOPPING),
    ("start", State.SHUTTING_DOWN),
    ("start", State.TERMINATED),
    ("stop", State.PENDING),
    ("stop", State.SHUTTING_DOWN),
    ("stop", State.TERMINATED),
    ("reboot", State.STOPPED),
]


@pytest.mark.parametrize(("request_", "state"), REFUSED)
def test_refused(request_: str, state: State) -> None:
    with pytest.raises(Refused, match="i-1"):
        after(request_, "i-1", state)


@pytest.mark.parametrize("state", list(State))
def test_terminate_is_never_refused(state: State) -> None:
    assert after("terminate", "i-1", state) in (State.SHUTTING_DOWN, State.TERMINATED)


@pytest.mark.parametrize(("request_", "state"), [("start", State.RUNNING), ("stop", State.STOPPED)])
def test_asking_for_what_is_changes_nothing(request_: str, state: State) -> None:
    assert after(request_, "i-1", state) is state


def test_every_passing_state_leads_somewhere() -> None:
    reached = {target for table in TRANSITIONS.values() for target in table.values()}
    assert set(SETTLES) == {State.PENDING, State.STOPPING, State.SHUTTING_DOWN}
    assert set(SETTLES) <= reached


def test_status_checks_are_initializing_and_then_ok() -> None:
    assert [checks(seconds, take=20) for seconds in (0, 19.9, 20, 500)] == ["initializing", "initializing", "ok", "ok"]
