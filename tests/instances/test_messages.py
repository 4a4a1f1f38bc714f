"""Every status, every reason and every error code of AWS has its words, in one place and in both languages."""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.functional import Promise

from ondol.cloud import aws_errors, errors
from ondol.cloud.aws_errors import TABLE
from ondol.cloud.errors import CloudError, Gone, Throttled
from ondol.instances.decision import Step
from ondol.instances.lifecycle import decide
from ondol.instances.messages import codes, reasons, replacements, signals, statuses, texts
from ondol.instances.messages.codes import AT_STEP, EVERYWHERE, SILENCE, refusal, trouble
from ondol.instances.messages.reasons import REASONS, explanation
from ondol.instances.messages.statuses import STATUSES
from ondol.instances.observation import Seen, View
from ondol.instances.states import MOVES, OURS, Reason, Status

NOW = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)
NAMED_BY_A_PERSON = {Reason.PERSON, Reason.ADMIN}
SAYS_NOTHING = {Reason.DONE, Reason.UNKNOWN}
STATE_REASONS = ("Client.", "Server.")
"""What EC2 gives as the reason of a state, not as an error."""
FOUND_OUT = {Reason.IDLE, Reason.INSIDE, Reason.OUTSIDE}
"""What UNKNOWN becomes once AWS has been asked why a machine stopped."""
GIVEN_UP = {Reason.NO_CAPACITY, Reason.QUOTA, Reason.REFUSED}


def in_both_languages(text):
    spoken = []
    for language in ("en", "ko"):
        with translation.override(language):
            spoken.append(str(text))
    return spoken


def said(value: object) -> Iterator[Promise]:
    """Every text in a table of messages, however deep."""
    if isinstance(value, Promise):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from said(part)
    elif hasattr(value, "__dataclass_fields__"):
        for field in fields(value):
            yield from said(getattr(value, field.name))


TABLES = (codes, reasons, replacements, signals, statuses, texts)
TEXTS = [text for module in TABLES for value in vars(module).values() for text in said(value)]


def moves() -> Iterator[tuple[Status, Reason]]:
    """Every status with each reason that it can be entered for: what is asked for, given up, and decided."""
    yield from product([Status.STOPPING], OURS)
    yield from product([Status.TERMINATING], [Reason.ADMIN, Reason.NOT_APPROVED])
    yield from product([Status.FAILED, Status.STOPPED], GIVEN_UP)
    reasons_of = {status: [Reason.PERSON] for status in Status} | {Status.STOPPING: [*OURS, *FOUND_OUT]}
    facts = product([True, False], repeat=4)
    for status, view, (asked, armed, ready, unknown), age, starts in product(Status, View, facts, (0, 5, 90), (0, 2)):
        since = NOW - timedelta(minutes=age)
        seen = Seen(view, since, prepared=True, asked=asked, armed=armed, ready=ready, unknown=unknown)
        for reason in reasons_of[status]:
            decision = decide(status, reason, replace(seen, starts=starts), since, NOW)
            if decision.step is Step.ASK_WHY:
                yield from product([Status.STOPPED], FOUND_OUT)
            if decision.to:
                found = FOUND_OUT if decision.reason is Reason.UNKNOWN else {decision.reason}
                yield from product([decision.to], found)


def test_every_status_has_its_words():
    assert set(STATUSES) == set(Status) == set(MOVES)
    for words in STATUSES.values():
        assert words.badge
        assert words.heading
        assert words.event
    badges = [str(words.badge) for words in STATUSES.values()]
    assert len(set(badges)) == len(badges)


def test_every_reason_has_its_words():
    assert set(REASONS) == set(Reason)
    for reason, words in REASONS.items():
        if reason in NAMED_BY_A_PERSON | SAYS_NOTHING:
            assert not words.short
            assert not words.in_history
        elif reason in {Reason.RESIZED, Reason.SIZE_REFUSED}:
            assert words.event
            assert words.listed
        else:
            assert words.short
            assert words.in_history
            assert words.sentences


def test_every_move_that_can_happen_is_explained_by_its_own_sentence():
    for status, reason in set(moves()):
        if reason is Reason.DONE:  # what was wished has happened
            assert status in {Status.RUNNING, Status.TERMINATED}
        else:
            assert status in REASONS[reason].sentences, (status, reason)


def test_no_sentence_is_for_a_move_that_cannot_happen():
    possible = set(moves())
    possible |= {(Status.TERMINATED, reason) for reason in (Reason.ADMIN, Reason.OUTSIDE, Reason.NOT_APPROVED)}
    for reason, words in REASONS.items():
        for status in words.sentences:
            assert (status, reason) in possible


def test_what_is_said_is_a_whole_sentence_in_both_languages():
    explanations = [one for words in REASONS.values() for one in words.sentences.values()]
    explanations += [*(one for _, one in REFUSALS), *SILENCE.values()]
    explanations += [words.otherwise for words in STATUSES.values() if words.otherwise]
    for one in explanations:
        for text in (one.cause, one.next_step):
            for spoken in in_both_languages(text):
                assert not spoken or spoken.endswith(".")


def test_everything_is_said_in_korean():
    for text in TEXTS:
        english, korean = in_both_languages(text)
        assert english != korean
        assert not english or korean, english


def test_a_sentence_stands_in_one_place():
    package = Path(texts.__file__).parent
    elsewhere = [path.read_text() for path in package.parents[1].rglob("*.py") if path.parent != package]
    for sentence in {str(in_both_languages(text)[0]) for text in TEXTS}:
        if sentence.endswith("."):
            assert not any(sentence in source for source in elsewhere), sentence
    nodes = [node for module in TABLES for node in ast.walk(ast.parse(Path(module.__file__).read_text()))]
    here = Counter(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    assert not [sentence for sentence, count in here.items() if count > 1 and sentence.endswith(".")]


def test_a_stop_says_what_is_kept():
    for status in (Status.STOPPING, Status.STOPPED, Status.FAILED, Status.TERMINATING):
        assert STATUSES[status].kept


# --- codes of AWS ----------------------------------------------------------------------------------------------------
FINAL = sorted(code for code, kind in TABLE.items() if kind.is_final)
REFUSALS = [*EVERYWHERE.items(), *(item for codes in AT_STEP.values() for item in codes.items())]


@pytest.mark.parametrize("code", FINAL)
def test_each_code_that_makes_us_give_up_has_words(code):
    steps = [step for step in Step if refusal(code, step).is_known]
    assert steps


@pytest.mark.parametrize("code", sorted({code for code, _ in REFUSALS}))
def test_words_are_for_codes_that_make_us_give_up(code):
    kind = aws_errors.kind_of(code, None)
    assert kind.is_final or kind is Gone or code.startswith(STATE_REASONS)


def test_a_refusal_is_said_in_words_not_by_its_code():
    for code, one in REFUSALS:
        assert code not in str(one.cause)
        assert one.next_step
        assert timedelta(minutes=1) <= one.again <= timedelta(minutes=15)


@pytest.mark.parametrize("code", sorted(code for code, kind in TABLE.items() if not kind.is_final))
def test_only_what_asks_us_to_slow_down_is_said_to_do_so(code):
    with translation.override("en"):
        assert ("slow down" in str(trouble(code))) == (TABLE[code] is Throttled)


@pytest.mark.parametrize("code", ["LimitExceeded", "LimitExceededFault", "VcpuLimitExceeded", "AuthFailure", "500"])
def test_a_limit_of_the_account_is_not_said_to_be_a_matter_of_speed(code):
    with translation.override("en"):
        assert "keeps trying" in str(trouble(code))


def test_silence_of_aws_is_explained_by_classes_that_there_are():
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, CloudError)}
    assert SILENCE.keys() - {""} <= kinds


def test_a_reason_nobody_has_words_for_is_said_with_the_status():
    assert explanation(Status.STOPPED, Reason.DONE) is STATUSES[Status.STOPPED].otherwise
    assert explanation(Status.RUNNING, Reason.DONE) is None
    assert explanation(Status.STOPPED, Reason.PERSON) is REASONS[Reason.PERSON].sentences[Status.STOPPED]
