"""Each act of the record has words in both languages, whatever its row has with it, and so has each refusal."""

import ast
import re
from pathlib import Path

import pytest
from django.utils import translation

import ondol
from ondol.audit.actions import Action, Outcome
from ondol.audit.models import Entry
from ondol.audit.record import write
from ondol.instances.states import Reason, Status
from ondol.web.activity import kinds
from ondol.web.activity.codes import CODES
from ondol.web.activity.entries import rows_of
from ondol.web.activity.words import told_of
from tests.web.activity_page import FILE, PAGE

UNTIL = "2026-06-03T18:00:00+09:00"
DETAILS = {
    Action.CONFIRM: [{"method": "password"}, {"method": "mfa"}],
    Action.SIGN_UP: [{"approval": "PENDING", "role": "MEMBER"}],
    Action.ADD: [{"approval": "APPROVED", "role": "ADMIN"}],
    Action.DETAILS: [{"fields": ["language"]}, {"fields": ["name", "affiliation", "purpose"]}],
    Action.PASSWORD: [{"tokens": 2, "usable": True, "letter": True}, {"tokens": 0, "usable": False}],
    Action.EMAIL_WISH: [{"new": "new@example.org"}],
    Action.EMAIL: [{"old": "old@example.org"}],
    Action.EMAIL_PROVEN: [{"email": "bob@example.org"}],
    Action.EMAIL_BACK: [{"new": "new@example.org"}],
    Action.FACTOR_ADD: [{"kind": "totp", "letter": False}, {"kind": "webauthn"}],
    Action.FACTOR_REMOVE: [{"kind": "recovery_codes"}],
    Action.PROVIDER_ADD: [{"kind": "github"}],
    Action.PROVIDER_REMOVE: [{"kind": "github"}],
    Action.SSH_ADD: [{"range": "203.0.113.7/32", "until": UNTIL, "letter": True}],
    Action.SSH_REMOVE: [{"range": "203.0.113.7/32"}],
    Action.KEY_READ: [{"machine": "0-0", "form": "pem", "letter": True}, {"form": "ppk"}],
    Action.KEY_CHOOSE: [{"origin": "own", "fingerprint": "SHA256:x"}, {"origin": "aws"}],
    Action.KEY_REPLACE: [{"machine": "0-0", "origin": "browser"}],
    Action.KEY_CHANGE: [{"machine": "0-0", "origin": "aws", "fingerprint": "SHA256:x", "reference": "f00"}],
    Action.TOKEN_MAKE: [{"name": "laptop", "scopes": ["read", "machine"], "days": 90, "letter": True}],
    Action.TOKEN_USE: [{"name": "laptop"}],
    Action.TOKEN_REVOKE: [{"name": "laptop", "tokens": 1}, {"tokens": 3}],
    Action.TOKEN_REFUSED: [{"name": "laptop", "operation": "create"}],
    Action.APPROVE: [{"asked": "12"}, {"rule": "groups=radar"}],
    Action.REJECT: [{"reason": "no"}],
    Action.SUSPEND: [{"reason": "left"}],
    Action.VOUCH: [{"email": "bob@example.org"}],
    Action.ROLE: [{"role": "ADMIN"}],
    Action.MESSAGE: [{"subject": "Friday", "text": "No power."}],
    Action.INVITE: [{"again": True}, {"asked": "bob@example.org"}],
    Action.ANNOUNCE: [
        {"text_ko": "점검", "text_en": "", "kind": "WARNING", "until": UNTIL, "on_sign_in": False, "changed": True}
    ],
    Action.ANNOUNCE_END: [{"text_ko": "점검", "text_en": "", "kind": "WARNING"}],
    Action.POLICY: [{"what": {"idle_minutes": [30, 60], "why": ["", "long jobs"]}}],
    Action.BUDGET: [{"usd": "10", "stops": True, "old": {"usd": "none", "stops": False}}],
    Action.RATE: [{"krw": "1400", "as_of": "2026-06-03"}],
    Action.MACHINE_SIZE: [{"machine": "0-0", "old": ["t3.small", 30], "new": ["t3.medium", 40]}],
    Action.MACHINE_AWAKE: [{"machine": "0-0", "until": UNTIL}, {"machine": "0-0"}],
    Action.MACHINE_HOURS: [{"machine": "0-0", "waived": UNTIL}, {"machine": "0-0"}],
    Action.EXPORT: [
        {"what": "activity", "filter": "kind=sign_in&q=%22"},
        {"what": "costs", "month": "2026-06"},
        {"what": "people", "selected": True, "rows": 2},
    ],
    Action.DENIED: [{"path": "/admin/people/"}],
    Action.LETTER: [{"letter": "decision"}, {"letter": "old_address", "to": "old@example.org"}],
    Action.MAIL_AGAIN: [{"email": 4}],
    Action.MAIL_DROP: [{"email": 4}],
    Action.VAULT: [{"key": "k2"}],
    Action.KEYS: [{"lost": ["a", "b"]}],
    Action.PRUNE: [{"position": 4, "hash": "f00"}],
    Action.AWS: [{"service": "ec2", "operation": "RunInstances", "aws_request_id": "r-1", "InstanceType": "t3.small"}],
}
"""What rows of each act have with them; those of machines' statuses are each move and reason."""
WITHOUT = {Action.SIGN_IN, Action.SIGN_OUT, Action.SIGN_OUT_EVERYWHERE}
"""Acts whose rows have nothing with them."""
MOVES = [
    {"machine": "0-0", "old": old, "new": new, "reason": reason}
    for old in Status
    for new in Status
    for reason in Reason
]
NAMES = [
    *("fields", "letter", "usable", "stops", "idle_minutes", "usd", "krw", "as_of", "until", "waived", "origin"),
    *("machine", "reference", "scopes", "path"),
]
HANGUL = re.compile(r"[가-힣]")
SAME = {
    *("AWS", "SSH", "API", "IP", "Ondol", "OpenSSH", "PuTTY", "GiB", "KST", "UTC", "SHA", "RunInstances", "x", "t"),
    *("small", "medium", "github", "laptop", "groups", "radar", "no", "left", "Friday", "example", "org", "new", "old"),
    *("bob", "long", "jobs", "admin", "people", "UnauthorizedOperation"),
}
"""What stays as it is in Korean, too: names of products and of AWS, and what somebody has typed."""


def texts_of(rows):
    return [f"{row.act} {row.told} {row.outcome} {row.who} {row.source}" for row in rows]


@pytest.fixture
def every(db):
    """A row of each act with each of its details, done, refused and failed."""
    told = {**{action: [{}] for action in Action}, **DETAILS}
    status = {action: MOVES for action in Action if action.startswith("machine.") and action not in DETAILS}
    for action, rows in {**told, **status}.items():
        for details in rows:
            write(action, **details)
    for code in [*CODES, "public_key_kind", "scope_machine"]:
        write(Action.MACHINE_START, outcome=Outcome.REFUSED, code=code)
    write(Action.AWS, outcome=Outcome.FAILED, code="UnauthorizedOperation")
    return list(Entry.objects.order_by("id"))


def test_no_act_is_left_out_of_these_tests():
    moved = {action for action in Action if action.startswith("machine.")}
    assert set(Action) - moved - set(DETAILS) == WITHOUT, "add what its rows have with them to DETAILS"


def _codes_of(source):
    """Return the codes that a source gives to refusals; those that are made of parts are no constants."""
    places = {"ActionError": 0, "AccountError": 1, "note_denial": 1, "_require_left": 0}
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call):
            place = places.get(getattr(call.func, "id", ""))
            given = [] if place is None else call.args[place : place + 1]
            if getattr(call.func, "id", "") == "write":
                given = [word.value for word in call.keywords if word.arg == "code"]
            yield from (one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str))


def test_every_code_of_a_refusal_has_words():
    found = {code for path in Path(ondol.__file__).parent.rglob("*.py") for code in _codes_of(path.read_text())}
    assert {"rules_changed", "just_invited", "too_many_starts", "not_allowed"} <= found
    assert found - set(CODES) == set()


def test_every_letter_has_a_word():
    letters = {path.stem for path in (Path(ondol.__file__).parent / "web/templates/mail").glob("*.txt")}
    assert "invitation" in letters
    silent = [one for one in letters if not told_of(Entry(action=Action.LETTER, details={"letter": one}))]
    assert silent == []


def test_every_act_reads_as_a_sentence_in_both_languages(every):
    for language in ("en", "ko"):
        with translation.override(language):
            texts = texts_of(rows_of(every))
        raw = [text for text in texts if re.search(r"[\[\]{}\"_]|None|True|False|0-0", text)]
        raw += [text for text in texts for name in NAMES if f"{name}:" in text]
        assert raw == [], language
        assert not [text for text in texts if not text.strip()]
        if language == "ko":
            english = [text for text in texts if set(re.findall(r"[A-Za-z]+", text.replace("t3", "t"))) - SAME]
            assert english == []
            assert not [text for text in texts if not HANGUL.search(text)]


def test_acts_have_a_kind_each_and_details_have_words(every):
    filed = [action for kind in kinds.KINDS.values() for action in kind.actions]
    assert sorted(filed) == sorted(Action)
    told = {entry.action: told_of(entry) for entry in every if entry.details}
    silent = {action for action, text in told.items() if not text}
    assert silent <= {Action.VAULT, Action.KEYS, Action.PRUNE, Action.MACHINE_AWAKE, Action.MACHINE_HOURS}


@pytest.mark.parametrize("junk", [None, 7, -1.5, True, "x", "\u202ex", [], [None, [1]], {"a": {}}, "9" * 400, 10**17])
def test_details_of_any_type_end_no_page(alice, browser_of, junk):
    names = {name for rows in DETAILS.values() for details in rows for name in details} | {"old", "new", "reason"}
    for action in [*Action, "of.tomorrow"]:
        Entry.objects.create(action=action, source="worker", details=dict.fromkeys(names, junk))
    answer = browser_of(alice).get(PAGE, {"kind": kinds.WITH_STEPS})
    assert answer.status_code == 200
    assert browser_of(alice).get(FILE, {"kind": kinds.WITH_STEPS}).status_code == 200
