"""Activity: what the record tells people, how it is narrowed, and what it costs however long it is."""

import ast
import csv
import io
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

import ondol
from ondol import clock
from ondol.accounts import mail, people
from ondol.accounts.invitations import invite
from ondol.accounts.invited_rows import rows_of as rows_of_people
from ondol.accounts.models import User
from ondol.audit.actions import Action, Outcome, Source
from ondol.audit.models import Entry
from ondol.audit.record import write
from ondol.instances import moves
from ondol.instances.lifecycle import Reason, Status
from ondol.instances.models import StatusChange
from ondol.instances.record import NOTHING
from ondol.web.activity import kinds
from ondol.web.activity.codes import CODES
from ondol.web.activity.entries import rows_of
from ondol.web.activity.filters import FilterForm
from ondol.web.activity.page import PER_PAGE
from ondol.web.activity.terms import LETTERS
from ondol.web.activity.words import told_of
from tests.web.conftest import machine, person

PAGE, FILE, MINE = "/admin/activity/", "/admin/activity/csv/", "/settings/activity/"
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


def acts(browser, /, path=PAGE, **query):
    page = browser.get(path, query).text
    return re.findall(r"<strong>(.*?)</strong>", page)


def test_an_event_is_one_line_and_its_steps_are_there_if_asked_for(alice, bob, browser_of):
    row, browser = machine(bob, Status.STOPPED), browser_of(alice)
    before = len(acts(browser))
    moves.move(row, Status.STARTING, Reason.PERSON, by=bob)
    write(Action.AWS, on=bob, service="ec2", operation="StartInstances")
    moves.move(row, Status.RUNNING, Reason.DONE)
    assert acts(browser)[: len(acts(browser)) - before] == ["Start requested"]
    moves.move(row, Status.STOPPING, Reason.PERSON, by=bob)
    moves.move(row, Status.STOPPED, Reason.PERSON)
    assert acts(browser)[:2] == ["Stop requested", "Start requested"]
    moves.move(row, Status.STARTING, Reason.PERSON, by=bob)
    moves.move(row, Status.RUNNING, Reason.DONE)
    moves.move(row, Status.STOPPING, Reason.UNKNOWN)
    moves.move(row, Status.STOPPED, Reason.IDLE)
    assert acts(browser)[:2] == ["Automatic stop", "Start requested"]
    assert "idle" in browser.get(PAGE).text
    assert len(acts(browser, kind=kinds.WITH_STEPS)) == before + 9
    assert acts(browser, kind="aws") == ["Change in AWS"]


def test_the_filter_for_stops_has_each_once_with_its_true_cause(alice, bob, browser_of):
    row, browser = machine(bob, Status.RUNNING), browser_of(alice)
    for first, last, by in [
        (Reason.PERSON, Reason.PERSON, bob),
        (Reason.UNKNOWN, Reason.IDLE, None),
        (Reason.BUDGET, Reason.BUDGET, None),
        (Reason.SCHEDULE, Reason.SCHEDULE, None),
        (Reason.UNKNOWN, Reason.INSIDE, None),
    ]:
        moves.move(row, Status.STOPPING, first, by=by)
        moves.move(row, Status.STOPPED, last)
        moves.move(row, Status.STARTING, Reason.PERSON, by=bob)
        moves.move(row, Status.RUNNING, Reason.DONE)
    moves.write_line(row, Status.STOPPED, Status.STOPPED, Reason.RESIZED, NOTHING, at=clock.now())
    # Moves come from the worker, and in tests from no job: that is the command line.
    told = rows_of(FilterForm(QueryDict("kind=machine.stop")).found(Entry.objects.order_by("id")))
    assert [(one.who, one.act, one.told.partition(" · ")[0]) for one in told] == [
        ("", "Stop requested", row.instance_id),
        ("AWS", "Automatic stop", "idle"),
        ("command line", "Automatic stop", "budget used up"),
        ("command line", "Automatic stop", "hours over"),
        ("the machine itself", "Machine stopped", "from inside"),
    ]
    assert len(acts(browser, kind="machine.stop")) == 5
    _heads, *lines = csv.reader(io.StringIO(browser.get(FILE, {"kind": "machine.stop"}).text))
    assert len(lines) == 10, "a file has each step"
    assert [line[2:4] for line in lines if line[4].startswith("idle")] == [["AWS", "Automatic stop"]]
    assert not [line for line in lines if "AWS does not say why" in line[4]]


def test_thirty_people_who_are_invited_are_thirty_lines_and_the_file_has_each_row(alice, browser_of):
    browser = browser_of(alice)
    before = acts(browser)
    for row in rows_of_people("\n".join(f"guest{number}@example.org,Guest,KIGAM" for number in range(3))):
        invite(row, alice)
    for guest in User.objects.filter(email__startswith="guest"):
        write(Action.LETTER, on=guest, letter="invitation")
    assert acts(browser) == ["Person invited"] * 3 + before
    assert acts(browser, kind=kinds.WITH_STEPS) == ["E-mail sent"] * 3 + ["Person invited"] * 3 + before
    assert acts(browser, kind="mail") == ["E-mail sent"] * 3
    for query in ({}, {"kind": kinds.WITH_STEPS}):
        told = [row[3] for row in csv.reader(io.StringIO(browser.get(FILE, query).text))]
        assert (told.count("Person invited"), told.count("E-mail sent")) == (3, 3)


def test_an_email_that_nobody_has_asked_for_is_a_line_of_its_own(alice, bob, browser_of):
    alone = {*LETTERS} - {*kinds.LETTERS_OF_ACTS}
    for letter in alone:
        write(Action.LETTER, on=bob, letter=letter)
    write(Action.LETTER, on=bob)
    assert acts(browser_of(alice)).count("E-mail sent") == len(alone) + 1
    assert {*kinds.LETTERS_OF_ACTS} < {*LETTERS}


def test_each_link_to_confirm_an_address_has_its_line(alice, bob, browser_of):
    browser, his = browser_of(alice), browser_of(bob)
    before = len(acts(browser))
    for act in ("action_add", "action_send", "action_send"):
        cache.clear()  # three minutes later
        his.post(reverse("account_email"), {"email": "robert@example.org", act: ""})
        write(Action.LETTER, on=bob, letter="email_confirmation", to="robert@example.org")
    assert acts(browser)[: len(acts(browser)) - before] == ["Change of e-mail address requested"] * 3
    write(Action.LETTER, on=bob, letter="email_confirmation")
    assert acts(browser)[0] == "E-mail sent", "to his own address, without another act"


def test_a_day_has_the_form_of_all_pages(alice, browser_of):
    write(Action.RATE, by=alice, krw="1400", as_of="2026-06-03")
    write(Action.ANNOUNCE_END, by=alice, text_en="Maintenance", kind="WARNING")
    page = browser_of(alice).get(PAGE).text
    assert "of 3 Jun 2026" in page
    assert "Warning · “Maintenance”" in page


def test_a_start_that_comes_to_nothing_is_told(alice, bob, browser_of):
    row, browser = machine(bob, Status.STARTING), browser_of(alice)
    moves.move(row, Status.STOPPED, Reason.TOO_LATE)
    assert acts(browser)[0] == "Machine stopped"


def test_people_are_found_by_name_and_address_also_of_former_accounts(alice, bob, carol, browser_of):
    browser = browser_of(alice)
    User.objects.filter(pk=bob.pk).update(name="이준호")
    write(Action.KEY_READ, by=bob, on=bob)
    write(Action.BUDGET, by=alice, on=carol, usd="10")
    carol.delete()
    page = browser.get(PAGE).text
    assert "이준호" in page
    assert "bob@example.org" in page
    assert "former account" in page
    assert acts(browser, q="준호", kind="access") == ["Private key downloaded"]
    assert acts(browser, q="BOB@", kind="access") == ["Private key downloaded"]
    assert acts(browser, q="carol", kind="rules") == ["Budget changed"]
    assert acts(browser, q="nobody") == []
    assert "Nothing matches." in browser.get(PAGE, {"q": "nobody"}).text


def test_of_more_people_than_a_thousand_with_one_name_nobody_is_left_out(alice, browser_of):
    User.objects.bulk_create(User(email=f"u{n}@insar.example.org", name=f"Radar {n}") for n in range(1001))
    them = User.objects.filter(name__startswith="Radar")
    for user in (them.earliest("pk"), them.latest("pk")):
        Entry.objects.create(action=Action.KEY_READ, source="page", on_id=user.pk, on_email="old@example.org")
    assert acts(browser_of(alice), q="Radar") == ["Private key downloaded"] * 2


def test_an_ip_address_finds_what_came_from_there(alice, browser_of):
    Entry.objects.create(action=Action.SIGN_IN, source="page", address="203.0.113.9")
    Entry.objects.create(action=Action.SIGN_OUT, source="page", address="203.0.113.90")
    assert acts(browser_of(alice), q="203.0.113.9") == ["Sign-in"]


WRONG = [
    *({"since": day} for day in ("x", "2026-13-01", "9999-12-31", "0001-01-01", "03.06.2026", "１")),
    *({"kind": "x"}, {"kind": "machine.fly"}, {"outcome": "DONE"}, {"q": "a" * 300}, {"q": "a\x00b"}),
    {"since": "2026-06-04", "until": "2026-06-03"},
    {"kind": ["", "x"]},
]


@pytest.mark.parametrize("query", WRONG, ids=str)
def test_a_wrong_filter_says_so_and_exports_nothing(alice, bob, browser_of, query):
    browser = browser_of(alice)
    write(Action.KEY_READ, by=bob, on=bob)
    page = browser.get(PAGE, query)
    assert page.status_code == 200
    assert "field-wrong" in page.text
    assert "Nothing was looked for" in page.text
    assert "Download as CSV" not in page.text
    before = Entry.objects.count()
    answer = browser.get(FILE, query)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert "field-wrong" in answer.text
    assert "bob@example.org" not in answer.text
    assert Entry.objects.count() == before


def test_a_file_has_exactly_what_is_looked_for(alice, bob, browser_of):
    browser = browser_of(alice)
    write(Action.TOKEN_MAKE, by=bob, on=bob, name="=1+1", days=90)
    write(Action.TOKEN_MAKE, by=bob, on=bob, name="a;=2+2", days=90)
    write(Action.RATE, by=alice, krw="1400")
    told = browser.get(FILE, {"kind": "token.make", "page": "7"}).text
    heads, *rows = csv.reader(io.StringIO(told.removeprefix("\ufeff")))
    assert (len(heads), [row[3] for row in rows]) == (15, ["API token created"] * 2)
    assert json.loads(rows[1][12]) == {"name": "=1+1", "days": 90}
    cells = [part for row in rows for cell in row for part in re.split(r"[;\t]", cell)]
    assert not [cell for cell in cells if re.match(r"\s*[=+@]", cell)]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_no_two_columns_of_the_file_have_one_name(alice, browser_of, language):
    told = browser_of(alice, language).get(FILE).text
    heads = next(csv.reader(io.StringIO(told.removeprefix("\ufeff"))))
    assert len({*heads}) == len(heads) == 15
    assert {"en": "Details (JSON)", "ko": "상세 내용(JSON)"}[language] in heads


def test_a_day_is_a_day_of_this_place(alice, browser_of):
    day = timezone.localdate(clock.now()) - timedelta(days=3)
    begin = timezone.make_aware(timezone.datetime(day.year, day.month, day.day))
    for minutes in (-1, 0, 1439, 1440):
        Entry.objects.create(action=Action.RATE, source="page", at=begin + timedelta(minutes=minutes))
    assert len(acts(browser_of(alice), since=str(day), until=str(day))) == 2


def test_pages_go_back_and_forth_with_their_filters(alice, bob, browser_of):
    browser = browser_of(alice)
    for number in range(2 * PER_PAGE + 3):
        write(Action.TOKEN_USE, by=bob, on=bob, name=f"n{number}")
        write(Action.SIGN_IN, by=bob, on=bob)
    seen, address = [], f"{PAGE}?kind=token.use"
    while address:
        page = browser.get(address).text
        seen.append(re.findall(r"“n(\d+)”", page))
        found = re.search(r'href="(\?[^"]*before=[^"]*)#table"', page)
        address = f"{PAGE}{found[1].replace('&amp;', '&')}" if found else ""
    assert [len(one) for one in seen] == [PER_PAGE, PER_PAGE, 3]
    assert [int(one) for page in seen for one in page] == list(reversed(range(2 * PER_PAGE + 3)))
    newer = re.search(r'href="(\?[^"]*after=[^"]*)#table"', page)[1].replace("&amp;", "&")
    assert re.findall(r"“n(\d+)”", browser.get(f"{PAGE}{newer}").text) == seen[1]
    for wrong in ("x", "-1", "9" * 30, "１", "", "\x00"):
        assert re.findall(r"“n(\d+)”", browser.get(PAGE, {"kind": "token.use", "before": wrong}).text) == seen[0]
    assert acts(browser, kind="token.use", before="0") == [], "there is nothing before it"


def test_a_page_takes_the_same_few_queries_for_many_rows_as_for_few(alice, bob, browser_of):
    browser = browser_of(alice)
    counts = []
    for number in (3, PER_PAGE):
        for n in range(number):
            write(Action.KEY_READ, by=person(f"p{number}-{n}@example.org"), on=bob, machine=str(machine_of(bob).pk))
        with CaptureQueriesContext(connection) as caught:
            browser.get(f"{PAGE}?kind=key.read")
        counts.append(len(caught))
    assert counts[1] <= counts[0] <= 16
    assert not [one["sql"] for one in caught if "COUNT(" in one["sql"] and "audit_entry" in one["sql"]]


def machine_of(user):
    return user.instances.first() or machine(user)


def test_what_is_older_than_the_record_is_at_its_end(alice, bob, browser_of):
    row, browser = machine(bob), browser_of(alice)
    long_ago = clock.now() - timedelta(days=900)
    StatusChange.objects.create(instance=row, old="RUNNING", new="STOPPED", reason="IDLE", at=long_ago)
    assert "Before the record began" in browser.get(PAGE).text
    assert "Before the record began" not in browser.get(PAGE, {"kind": "people"}).text
    for _ in range(PER_PAGE + 1):
        write(Action.RATE, krw="1400")
    assert "Before the record began" not in browser.get(PAGE).text


def test_people_read_their_own_part_without_where_others_came_from(alice, bob, carol, browser_of):
    for number, (by, on) in enumerate([(bob, bob), (alice, bob), (carol, carol)]):
        Entry.objects.create(
            action=Action.KEY_READ, source=Source.PAGE, address=f"203.0.113.{number}", agent="Firefox Linux",
            by_id=by.pk, by_email=by.email, on_id=on.pk, on_email=on.email,
        )  # fmt: skip
    page = browser_of(bob).get(MINE).text
    assert "203.0.113.0" in page
    assert "203.0.113.1" not in page
    assert "203.0.113.2" not in page
    assert "/admin/" not in page
    assert "carol@example.org" not in browser_of(bob).get(MINE, {"q": "carol"}).text
    assert acts(browser_of(bob), MINE, kind="sign_out") == []
    assert "field-wrong" in browser_of(bob).get(MINE, {"kind": "x"}).text


def test_bob_is_not_named_in_his_own_part_but_others_are(alice, bob, browser_of):
    write(Action.KEY_READ, by=bob, on=bob)
    page = browser_of(bob).get(MINE).text
    assert "Private key downloaded" in page
    assert "bob@example.org" not in page
    assert "On whom" not in page
    write(Action.ROLE, by=alice, on=bob, role="ADMIN")
    assert "by Alice" in browser_of(bob).get(MINE).text
    write(Action.BUDGET, by=bob, on=alice, usd="10")
    assert "On whom: Alice" in browser_of(bob).get(MINE).text


@pytest.mark.parametrize(("path", "menu"), [(MINE, "/settings/"), ("/history/", "/")])
def test_pages_below_an_item_of_the_menu_lead_back_to_it(bob, browser_of, path, menu):
    page = browser_of(bob).get(path).text
    assert re.search(rf'<a href="{menu}"\s+aria-current="true"', page)
    assert re.search(rf'class="crumb"><a href="{menu}"', page)
    assert 'body class="wide"' not in page, "the header would stand elsewhere"


def test_a_letter_that_was_sent_is_told(bob, alice, browser_of):
    people.suspend(bob.pk, alice)
    bob.refresh_from_db()
    mail.send("decision", bob, bob)
    sent = Entry.objects.get(action=Action.LETTER)
    assert (sent.on_id, told_of(sent)) == (bob.pk, "decision about the account")
    assert acts(browser_of(alice), kind="mail") == ["E-mail sent"]
