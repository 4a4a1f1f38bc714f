"""The whole state machine: every status, every view, every way of having got so far."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ondol.instances.decision import Decision, Step
from ondol.instances.lifecycle import TIMEOUTS, decide
from ondol.instances.observation import Seen, View
from ondol.instances.states import CHANGING, MOVES, OURS, Reason, Status

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
JUST_NOW, LONG_AGO = NOW - timedelta(seconds=5), NOW - timedelta(hours=25)

SITUATIONS = {
    "nothing was asked of AWS": ({}, JUST_NOW),
    "group, key and image are there": ({"prepared": True}, JUST_NOW),
    "a launch was asked for": ({"prepared": True, "asked": True}, JUST_NOW),
    "the alarm is armed": ({"prepared": True, "asked": True, "armed": True}, JUST_NOW),
    "the alarm that was replaced may be there": (
        {"prepared": True, "asked": True, "armed": True, "other_alarm": True},
        JUST_NOW,
    ),
    "its group is to be made equal to what is wished for": (
        {"prepared": True, "asked": True, "armed": True, "other_alarm": True, "group_differs": True},
        JUST_NOW,
    ),
    "SSH has answered": ({"prepared": True, "asked": True, "armed": True, "ready": True}, JUST_NOW),
    "it takes too long": ({"prepared": True, "asked": True, "armed": True}, LONG_AGO),
    "it takes too long to arm": ({"prepared": True, "asked": True}, LONG_AGO),
    "a machine is there that we do not know": ({"asked": True, "unknown": True}, LONG_AGO),
    "all is cleaned up": ({"prepared": True, "asked": True, "clean": True}, LONG_AGO),
    "all is cleaned up, but a machine is there that we do not know": (
        {"prepared": True, "asked": True, "clean": True, "unknown": True},
        LONG_AGO,
    ),
    "its owner is not approved, and nothing was asked of AWS": ({"may_run": False}, JUST_NOW),
    "its owner is not approved, and SSH has answered": (
        {"prepared": True, "asked": True, "armed": True, "ready": True, "may_run": False},
        JUST_NOW,
    ),
    "its owner has not been approved for long": ({"prepared": True, "asked": True, "may_run": False}, LONG_AGO),
}
"""How far we have got, and since when it has been so."""

# `.` waits, `>` moves, a word is an act. Reasons that a status was entered for are in tests of their own below.
TABLE = """
[nothing was asked of AWS]
            unseen absent pending running stopping stopped shutting-down terminated
PENDING     PREPARE PREPARE ARM ARM . ASK_WHY >FAILED:LAUNCH_FAILED >FAILED:LAUNCH_FAILED
RUNNING     . . ARM ARM >STOPPING:UNKNOWN ASK_WHY >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPING    . . . STOP . >STOPPED:PERSON >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPED     . . . >RUNNING:OUTSIDE . . >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STARTING    . . ARM ARM . ARM >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
TERMINATING CLEAN CLEAN TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
TERMINATED  CLEAN CLEAN TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
FAILED      CLEAN CLEAN TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN

[group, key and image are there]
            unseen absent pending running stopping stopped shutting-down terminated
PENDING     LAUNCH LAUNCH ARM ARM . ASK_WHY >FAILED:LAUNCH_FAILED >FAILED:LAUNCH_FAILED
RUNNING     . . ARM ARM >STOPPING:UNKNOWN ASK_WHY >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPING    . . . STOP . >STOPPED:PERSON >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPED     . . . >RUNNING:OUTSIDE . . >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STARTING    . . ARM ARM . ARM >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
TERMINATING CLEAN CLEAN TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
TERMINATED  CLEAN CLEAN TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
FAILED      CLEAN CLEAN TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN

[a launch was asked for]
            unseen absent pending running stopping stopped shutting-down terminated
PENDING     LAUNCH LAUNCH ARM ARM . ASK_WHY >FAILED:LAUNCH_FAILED >FAILED:LAUNCH_FAILED
RUNNING     . . ARM ARM >STOPPING:UNKNOWN ASK_WHY >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPING    . . . STOP . >STOPPED:PERSON >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPED     . . . >RUNNING:OUTSIDE . . >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STARTING    . . ARM ARM . ARM >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
TERMINATING . . TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
TERMINATED  . . TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
FAILED      . . TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN

[the alarm is armed]
            unseen absent pending running stopping stopped shutting-down terminated
PENDING     LAUNCH LAUNCH . PROBE . ASK_WHY >FAILED:LAUNCH_FAILED >FAILED:LAUNCH_FAILED
RUNNING     . . . . >STOPPING:UNKNOWN ASK_WHY >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPING    . . . STOP . >STOPPED:PERSON >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPED     . . . >RUNNING:OUTSIDE . . >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STARTING    . . . PROBE . START >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
TERMINATING . . TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
TERMINATED  . . TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
FAILED      . . TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN

[the alarm that was replaced may be there]
            unseen absent pending running stopping stopped shutting-down terminated
PENDING     LAUNCH LAUNCH DROP_ALARM PROBE . ASK_WHY >FAILED:LAUNCH_FAILED >FAILED:LAUNCH_FAILED
RUNNING     . . DROP_ALARM DROP_ALARM >STOPPING:UNKNOWN ASK_WHY >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPING    . . . STOP . >STOPPED:PERSON >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPED     . . . >RUNNING:OUTSIDE . DROP_ALARM >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STARTING    . . DROP_ALARM PROBE . DROP_ALARM >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
TERMINATING . . TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
TERMINATED  . . TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
FAILED      . . TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN

[its group is to be made equal to what is wished for]
            unseen absent pending running stopping stopped shutting-down terminated
PENDING     LAUNCH LAUNCH DROP_ALARM ADMIT ADMIT ASK_WHY >FAILED:LAUNCH_FAILED >FAILED:LAUNCH_FAILED
RUNNING     ADMIT ADMIT DROP_ALARM DROP_ALARM >STOPPING:UNKNOWN ASK_WHY >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPING    ADMIT ADMIT ADMIT STOP ADMIT >STOPPED:PERSON >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPED     ADMIT ADMIT ADMIT >RUNNING:OUTSIDE ADMIT DROP_ALARM >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STARTING    ADMIT ADMIT DROP_ALARM ADMIT ADMIT DROP_ALARM >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
TERMINATING . . TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
TERMINATED  . . TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
FAILED      . . TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN

[SSH has answered]
            unseen absent pending running stopping stopped shutting-down terminated
PENDING     LAUNCH LAUNCH . >RUNNING:DONE . ASK_WHY >FAILED:LAUNCH_FAILED >FAILED:LAUNCH_FAILED
RUNNING     . . . . >STOPPING:UNKNOWN ASK_WHY >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPING    . . . STOP . >STOPPED:PERSON >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPED     . . . >RUNNING:OUTSIDE . . >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STARTING    . . . >RUNNING:DONE . START >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
TERMINATING . . TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
TERMINATED  . . TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
FAILED      . . TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN

[it takes too long]
            unseen absent pending running stopping stopped shutting-down terminated
PENDING     >FAILED:TOO_LATE >FAILED:TOO_LATE >FAILED:TOO_LATE >RUNNING:UNREACHABLE . ASK_WHY >FAILED:LAUNCH_FAILED >FAILED:LAUNCH_FAILED
RUNNING     . >TERMINATING:OUTSIDE . . >STOPPING:UNKNOWN ASK_WHY >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPING    . >TERMINATING:OUTSIDE . >RUNNING:STOP_FAILED FORCE_STOP >STOPPED:PERSON >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPED     . >TERMINATING:OUTSIDE . >RUNNING:OUTSIDE . . >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STARTING    . >TERMINATING:OUTSIDE . >RUNNING:UNREACHABLE . >STOPPED:TOO_LATE >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
TERMINATING . CLEAN TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
TERMINATED  . CLEAN TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
FAILED      . CLEAN TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN

[it takes too long to arm]
            unseen absent pending running stopping stopped shutting-down terminated
PENDING     >FAILED:TOO_LATE >FAILED:TOO_LATE >FAILED:TOO_LATE >FAILED:TOO_LATE . ASK_WHY >FAILED:LAUNCH_FAILED >FAILED:LAUNCH_FAILED
RUNNING     . >TERMINATING:OUTSIDE ARM ARM >STOPPING:UNKNOWN ASK_WHY >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPING    . >TERMINATING:OUTSIDE . >RUNNING:STOP_FAILED FORCE_STOP >STOPPED:PERSON >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPED     . >TERMINATING:OUTSIDE . >RUNNING:OUTSIDE . . >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STARTING    . >TERMINATING:OUTSIDE ARM >RUNNING:UNARMED . >STOPPED:TOO_LATE >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
TERMINATING . CLEAN TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
TERMINATED  . CLEAN TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
FAILED      . CLEAN TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN

[a machine is there that we do not know]
            unseen absent pending running stopping stopped shutting-down terminated
PENDING     >FAILED:TOO_LATE >FAILED:TOO_LATE >FAILED:TOO_LATE >FAILED:TOO_LATE . ASK_WHY >FAILED:LAUNCH_FAILED >FAILED:LAUNCH_FAILED
RUNNING     . >TERMINATING:OUTSIDE ARM ARM >STOPPING:UNKNOWN ASK_WHY >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPING    . >TERMINATING:OUTSIDE . >RUNNING:STOP_FAILED FORCE_STOP >STOPPED:PERSON >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPED     . >TERMINATING:OUTSIDE . >RUNNING:OUTSIDE . . >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STARTING    . >TERMINATING:OUTSIDE ARM >RUNNING:UNARMED . >STOPPED:TOO_LATE >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
TERMINATING . . TERMINATE TERMINATE TERMINATE TERMINATE . .
TERMINATED  . . TERMINATE TERMINATE TERMINATE TERMINATE . .
FAILED      . . TERMINATE TERMINATE TERMINATE TERMINATE . .

[all is cleaned up]
            unseen absent pending running stopping stopped shutting-down terminated
PENDING     >FAILED:TOO_LATE >FAILED:TOO_LATE >FAILED:TOO_LATE >FAILED:TOO_LATE . ASK_WHY >FAILED:LAUNCH_FAILED >FAILED:LAUNCH_FAILED
RUNNING     . >TERMINATING:OUTSIDE ARM ARM >STOPPING:UNKNOWN ASK_WHY >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPING    . >TERMINATING:OUTSIDE . >RUNNING:STOP_FAILED FORCE_STOP >STOPPED:PERSON >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPED     . >TERMINATING:OUTSIDE . >RUNNING:OUTSIDE . . >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STARTING    . >TERMINATING:OUTSIDE ARM >RUNNING:UNARMED . >STOPPED:TOO_LATE >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
TERMINATING . >TERMINATED:DONE TERMINATE TERMINATE TERMINATE TERMINATE . >TERMINATED:DONE
TERMINATED  . . TERMINATE TERMINATE TERMINATE TERMINATE . .
FAILED      . . TERMINATE TERMINATE TERMINATE TERMINATE . .

[all is cleaned up, but a machine is there that we do not know]
            unseen absent pending running stopping stopped shutting-down terminated
PENDING     >FAILED:TOO_LATE >FAILED:TOO_LATE >FAILED:TOO_LATE >FAILED:TOO_LATE . ASK_WHY >FAILED:LAUNCH_FAILED >FAILED:LAUNCH_FAILED
RUNNING     . >TERMINATING:OUTSIDE ARM ARM >STOPPING:UNKNOWN ASK_WHY >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPING    . >TERMINATING:OUTSIDE . >RUNNING:STOP_FAILED FORCE_STOP >STOPPED:PERSON >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPED     . >TERMINATING:OUTSIDE . >RUNNING:OUTSIDE . . >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STARTING    . >TERMINATING:OUTSIDE ARM >RUNNING:UNARMED . >STOPPED:TOO_LATE >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
TERMINATING . . TERMINATE TERMINATE TERMINATE TERMINATE . .
TERMINATED  . . TERMINATE TERMINATE TERMINATE TERMINATE . .
FAILED      . . TERMINATE TERMINATE TERMINATE TERMINATE . .

[its owner is not approved, and nothing was asked of AWS]
            unseen absent pending running stopping stopped shutting-down terminated
PENDING     >TERMINATING:NOT_APPROVED >TERMINATING:NOT_APPROVED >STOPPING:NOT_APPROVED >STOPPING:NOT_APPROVED . ASK_WHY >FAILED:LAUNCH_FAILED >FAILED:LAUNCH_FAILED
RUNNING     >STOPPING:NOT_APPROVED . >STOPPING:NOT_APPROVED >STOPPING:NOT_APPROVED >STOPPING:UNKNOWN ASK_WHY >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPING    . . . STOP . >STOPPED:PERSON >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPED     . . . >RUNNING:OUTSIDE . . >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STARTING    >STOPPING:NOT_APPROVED . >STOPPING:NOT_APPROVED >STOPPING:NOT_APPROVED . >STOPPING:NOT_APPROVED >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
TERMINATING CLEAN CLEAN TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
TERMINATED  CLEAN CLEAN TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
FAILED      CLEAN CLEAN TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN

[its owner is not approved, and SSH has answered]
            unseen absent pending running stopping stopped shutting-down terminated
PENDING     >TERMINATING:NOT_APPROVED . >STOPPING:NOT_APPROVED >STOPPING:NOT_APPROVED . ASK_WHY >FAILED:LAUNCH_FAILED >FAILED:LAUNCH_FAILED
RUNNING     >STOPPING:NOT_APPROVED . >STOPPING:NOT_APPROVED >STOPPING:NOT_APPROVED >STOPPING:UNKNOWN ASK_WHY >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPING    . . . STOP . >STOPPED:PERSON >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPED     . . . >RUNNING:OUTSIDE . . >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STARTING    >STOPPING:NOT_APPROVED . >STOPPING:NOT_APPROVED >STOPPING:NOT_APPROVED . >STOPPING:NOT_APPROVED >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
TERMINATING . . TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
TERMINATED  . . TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
FAILED      . . TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN

[its owner has not been approved for long]
            unseen absent pending running stopping stopped shutting-down terminated
PENDING     >TERMINATING:NOT_APPROVED >TERMINATING:NOT_APPROVED >STOPPING:NOT_APPROVED >STOPPING:NOT_APPROVED . ASK_WHY >FAILED:LAUNCH_FAILED >FAILED:LAUNCH_FAILED
RUNNING     >STOPPING:NOT_APPROVED >TERMINATING:OUTSIDE >STOPPING:NOT_APPROVED >STOPPING:NOT_APPROVED >STOPPING:UNKNOWN ASK_WHY >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPING    . >TERMINATING:OUTSIDE . >RUNNING:STOP_FAILED FORCE_STOP >STOPPED:PERSON >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STOPPED     . >TERMINATING:OUTSIDE . >RUNNING:OUTSIDE . . >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
STARTING    >STOPPING:NOT_APPROVED >TERMINATING:OUTSIDE >STOPPING:NOT_APPROVED >STOPPING:NOT_APPROVED . >STOPPING:NOT_APPROVED >TERMINATING:OUTSIDE >TERMINATING:OUTSIDE
TERMINATING . CLEAN TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
TERMINATED  . CLEAN TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
FAILED      . CLEAN TERMINATE TERMINATE TERMINATE TERMINATE . CLEAN
"""  # noqa: E501  a table


def read_table() -> dict[tuple[str, Status, View], str]:
    """Situation, status, view → what is decided."""
    decided: dict[tuple[str, Status, View], str] = {}
    for block in TABLE.strip().split("\n\n"):
        title, head, *lines = block.splitlines()
        views = [View(word) for word in head.split()]
        for line in lines:
            status, *cells = line.split()
            for view, cell in zip(views, cells, strict=True):
                decided[title.strip("[]"), Status(status), view] = cell
    return decided


DECIDED = read_table()


def word_of(decision: Decision) -> str:
    if decision.to is not None:
        return f">{decision.to}:{decision.reason}"
    return "." if decision.step is Step.WAIT else decision.step


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_pair_is_decided_as_the_table_says(situation):
    flags, since = SITUATIONS[situation]
    for status, view in product(Status, View):
        decision = decide(status, Reason.PERSON, Seen(view, since, **flags), since, NOW)
        assert word_of(decision) == DECIDED[situation, status, view], (status, view)


def test_the_table_has_nothing_besides():
    assert set(DECIDED) == set(product(SITUATIONS, Status, View))


# --- reasons and patience --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("reason", "next_reason"),
    [(Reason.PERSON, Reason.PERSON), (Reason.ADMIN, Reason.ADMIN), (Reason.INSIDE, Reason.INSIDE)],
)  # fmt: skip
def test_a_machine_rests_for_the_reason_it_was_stopped_for(reason, next_reason):
    decision = decide(Status.STOPPING, reason, Seen(View.STOPPED, NOW, asked=True), JUST_NOW, NOW)
    assert (decision.to, decision.reason) == (Status.STOPPED, next_reason)


@pytest.mark.parametrize("reason", [Reason.UNKNOWN, Reason.OUTSIDE, Reason.IDLE])
def test_of_a_stop_that_no_person_asked_for_aws_is_asked_why_once_it_is_over(reason):
    assert decide(Status.STOPPING, reason, Seen(View.STOPPING, NOW, asked=True), JUST_NOW, NOW).is_wait
    decision = decide(Status.STOPPING, reason, Seen(View.STOPPED, NOW, asked=True), JUST_NOW, NOW)
    assert decision == Decision(Step.ASK_WHY)


@pytest.mark.parametrize("reason", [Reason.INSIDE, Reason.OUTSIDE, Reason.UNKNOWN])
def test_a_stop_that_nobody_here_asked_for_is_not_repeated(reason):
    decision = decide(Status.STOPPING, reason, Seen(View.RUNNING, NOW, asked=True), LONG_AGO, NOW)
    assert (decision.to, decision.reason) == (Status.RUNNING, Reason.OUTSIDE)


@pytest.mark.parametrize("reason", [Reason.INSIDE, Reason.OUTSIDE, Reason.UNKNOWN])
def test_an_answer_from_before_a_stop_ends_no_run(reason):
    """An alarm's stop is seen within seconds, and EC2 may show for as long what was before it."""
    assert decide(Status.STOPPING, reason, Seen(View.RUNNING, NOW, asked=True), JUST_NOW, NOW).is_wait


@pytest.mark.parametrize(
    ("status", "view", "limit", "before", "after"),
    [
        (Status.PENDING, View.ABSENT, TIMEOUTS.change, "LAUNCH", ">FAILED:TOO_LATE"),
        (Status.PENDING, View.PENDING, TIMEOUTS.change, ".", ">FAILED:TOO_LATE"),
        (Status.STARTING, View.STOPPED, TIMEOUTS.change, "START", ">STOPPED:TOO_LATE"),
        (Status.STOPPING, View.RUNNING, TIMEOUTS.change, "STOP", ">RUNNING:STOP_FAILED"),
        (Status.PENDING, View.RUNNING, TIMEOUTS.ready, "PROBE", ">RUNNING:UNREACHABLE"),
        (Status.STARTING, View.RUNNING, TIMEOUTS.ready, "PROBE", ">RUNNING:UNREACHABLE"),
        (Status.RUNNING, View.ABSENT, TIMEOUTS.gone, ".", ">TERMINATING:OUTSIDE"),
        (Status.STOPPED, View.ABSENT, TIMEOUTS.gone, ".", ">TERMINATING:OUTSIDE"),
        (Status.TERMINATING, View.ABSENT, TIMEOUTS.absent, ".", "CLEAN"),
        (Status.FAILED, View.ABSENT, TIMEOUTS.absent, ".", "CLEAN"),
    ],
)
def test_patience_ends_one_second_after_its_limit(status, view, limit, before, after):
    def at(age: timedelta) -> str:
        seen = Seen(view, NOW - age, prepared=True, asked=True, armed=True)
        return word_of(decide(status, Reason.PERSON, seen, NOW - age, NOW))

    assert (at(limit), at(limit + timedelta(seconds=1))) == (before, after)


@pytest.mark.parametrize(
    ("starts", "asked", "waits"),
    [(0, None, 10), (1, timedelta(seconds=20), 40)],
    ids=["a worker may be asking for its start", "AWS has accepted its start"],
)
def test_what_may_yet_start_is_not_called_stopped_when_its_owner_is_suspended(starts, asked, waits):
    def at(age: timedelta) -> str:
        since = NOW - age
        start = since - asked if asked else None
        seen = Seen(View.STOPPED, since - timedelta(hours=1), starts=starts, start_asked_at=start, may_run=False)
        return word_of(decide(Status.STOPPING, Reason.NOT_APPROVED, seen, since, NOW))

    assert at(timedelta(seconds=waits)) == "."
    assert at(timedelta(seconds=waits + 1)) == ">STOPPED:NOT_APPROVED"
    seen = Seen(View.STOPPED, NOW, may_run=False)  # seen after its stop was asked for
    assert word_of(decide(Status.STOPPING, Reason.NOT_APPROVED, seen, JUST_NOW, NOW)) == ">STOPPED:NOT_APPROVED"


# --- properties ------------------------------------------------------------------------------------------------------
ages = st.sampled_from(
    [timedelta(0), *(limit + timedelta(seconds=1) for limit in (TIMEOUTS.change, TIMEOUTS.absent, TIMEOUTS.gone))]
)
seens = st.builds(
    Seen,
    view=st.sampled_from(View),
    since=st.none() | ages.map(lambda age: NOW - age),
    prepared=st.booleans(),
    asked=st.booleans(),
    armed=st.booleans(),
    ready=st.booleans(),
    clean=st.booleans(),
    unknown=st.booleans(),
    may_run=st.booleans(),
)
since = ages.map(lambda age: NOW - age)
anything = {"status": st.sampled_from(Status), "reason": st.sampled_from(Reason), "seen": seens, "since": since}
LIVE = {View.PENDING, View.RUNNING, View.STOPPING, View.STOPPED}


@settings(max_examples=500, derandomize=True, database=None)
@given(**anything)
def test_whatever_is_seen_the_rules_of_the_house_hold(status, reason, seen, since):
    decision = decide(status, reason, seen, since, NOW)
    step, to = decision.step, decision.to

    # A decision moves or acts, and moves only where there is a way.
    assert to is None or (to in MOVES[status] and step is Step.WAIT)
    # What has ended stays ended.
    assert not (status is Status.TERMINATED and to is not None)
    # Nothing settled is started by itself: only a click leads to STARTING, and only STARTING starts.
    assert to is not Status.STARTING
    assert step is not Step.START or (status is Status.STARTING and seen.view is View.STOPPED and seen.armed)
    # A machine is launched only where none is seen, and never again once it has settled.
    assert step not in {Step.PREPARE, Step.LAUNCH} or (
        status is Status.PENDING and seen.view in {View.UNSEEN, View.ABSENT}
    )
    # Never before its key is kept.
    assert step is not Step.LAUNCH or seen.prepared
    # A machine is stopped only because somebody here has asked for it.
    assert step is not Step.STOP or (status is Status.STOPPING and reason in OURS)
    # Nothing is cut off but what has had its time to shut down.
    late = seen.since is not None and NOW - seen.since > (TIMEOUTS.change if seen.may_run else TIMEOUTS.withdrawn)
    assert step is not Step.FORCE_STOP or (status is Status.STOPPING and seen.view is View.STOPPING and late)
    # AWS's history is asked only about what rests, and is not known to.
    assert step is not Step.ASK_WHY or (seen.view is View.STOPPED and status is not Status.STOPPED)
    # A machine is ended only where its end was asked for, or its making has failed.
    assert step is not Step.TERMINATE or status in {Status.TERMINATING, Status.TERMINATED, Status.FAILED}
    # Nothing is cleaned up under a live machine, nor called ended while something is left.
    assert step is not Step.CLEAN or (seen.view not in LIVE and not seen.clean)
    # Nor where a machine may be using it that only an older database would not know.
    assert step is not Step.CLEAN or not seen.unknown
    assert to is not Status.TERMINATED or (seen.clean and seen.view not in LIVE)
    # Nobody is told that a machine of theirs runs before its alarm is armed.
    came_up = to is Status.RUNNING and status in {Status.PENDING, Status.STARTING}
    assert not came_up or seen.armed or decision.reason is Reason.UNARMED
    # For nobody who is not approved is anything launched or started, and nothing comes up.
    assert seen.may_run or step not in {Step.PREPARE, Step.LAUNCH, Step.START, Step.PROBE}
    assert seen.may_run or not came_up
    # Nor is what runs of theirs left alone.
    runs = status in {Status.PENDING, Status.STARTING, Status.RUNNING} and seen.view in {View.PENDING, View.RUNNING}
    assert seen.may_run or not runs or to is Status.STOPPING
    # Where one is there that we do not know, nobody is given another.
    assert to is not Status.TERMINATED or not seen.unknown
    # A launch whose answer was lost is waited for, and what is missing from one look is not gone.
    if seen.view is View.ABSENT and seen.asked and (seen.since is None or NOW - seen.since <= TIMEOUTS.absent):
        assert to is not Status.TERMINATING
        assert step is not Step.CLEAN


SETTLES_AS = {
    Status.PENDING: {Status.RUNNING},
    Status.STARTING: {Status.RUNNING},
    Status.STOPPING: {Status.STOPPED},
    Status.TERMINATING: {Status.TERMINATED},
}
AFTER = {View.PENDING: View.RUNNING, View.STOPPING: View.STOPPED, View.SHUTTING_DOWN: View.TERMINATED}
EFFECT = {
    Step.PREPARE: {"prepared": True},
    Step.LAUNCH: {"view": View.PENDING, "asked": True},
    Step.START: {"view": View.PENDING},
    Step.STOP: {"view": View.STOPPING},
    Step.FORCE_STOP: {"view": View.STOPPING},
    Step.TERMINATE: {"view": View.SHUTTING_DOWN},
    Step.ARM: {"armed": True},
    Step.PROBE: {"ready": True},
    Step.CLEAN: {"clean": True},
}
FROM = {
    Status.PENDING: [View.UNSEEN, View.ABSENT, View.PENDING, View.RUNNING],
    Status.STARTING: [View.STOPPED, View.PENDING, View.RUNNING, View.STOPPING],
    Status.STOPPING: [View.RUNNING, View.STOPPING, View.STOPPED],
    Status.TERMINATING: [View.PENDING, View.RUNNING, View.STOPPING, View.STOPPED, View.SHUTTING_DOWN, View.TERMINATED],
}


@pytest.mark.parametrize(("status", "view"), [(status, view) for status, views in FROM.items() for view in views])
def test_where_aws_does_as_asked_every_wish_comes_true(status, view):
    seen = {"view": view, "asked": view is not View.UNSEEN}
    reached = status
    for _ in range(12):
        decision = decide(reached, Reason.PERSON, Seen(since=NOW, **seen), NOW, NOW)
        if decision.to is not None:
            reached = decision.to
        elif not decision.is_wait:
            seen |= EFFECT[decision.step]
        elif seen["view"] in AFTER:
            seen["view"] = AFTER[seen["view"]]
        else:
            break
    assert reached in SETTLES_AS[status]


def test_only_settled_machines_are_left_alone():
    for status in set(Status) - CHANGING:
        view = (
            View.RUNNING if status is Status.RUNNING else View.STOPPED if status is Status.STOPPED else View.TERMINATED
        )
        seen = Seen(view, LONG_AGO, NOW, asked=True, armed=True, ready=True, clean=True)
        assert decide(status, Reason.DONE, seen, LONG_AGO, NOW).is_wait
