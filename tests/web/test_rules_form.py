"""Ada types what no rule takes: each field says in her language what it takes, and nothing is saved."""

import re
from collections import Counter, defaultdict

import pytest
from django.utils import translation

from ondol.accounts.models import Role
from ondol.policy.catalog import Rules, all_rules
from ondol.policy.kinds import Number, Percent
from ondol.policy.models import Policy, PolicyChange
from ondol.policy.rules import rules_of
from ondol.web_settings import zones
from tests.web.conftest import person

pytestmark = pytest.mark.django_db
PATH = "/admin/policy/"
NOT_A_NUMBER = [
    "soon",
    "1,5,",
    "30 minutes",
    "１２ x",
    "1e",
    "3_0",
    "1_0",
    "--1",
    "½",
    "\x00",
    "NaN",
    "Infinity",
    "\u202e30",
    "9" * 5000,
]
OURS = {
    "en": (
        "Enter ",
        "Choose ",
        "Write at most",
        "It contains",
        "The text contains",
        "These hours",
    ),
    "ko": ("입력하십시오.", "고르십시오.", "적으십시오.", "다시 입력하십시오.", "바꾸십시오.", "지우거나"),
}
"""What each of our sentences begins with in English, and has in it in Korean."""
HOURS = {"hours": "yes", "opens_at": "09:00", "closes_at": "22:00", "zone": "Asia/Seoul"}


@pytest.fixture
def ada(db):
    return person("ada@example.org", role=Role.ADMIN)


@pytest.fixture(params=["en", "ko"])
def desk(request, browser_of, ada):
    client = browser_of(ada, request.param)
    client.words = OURS[request.param]
    return client


def numbers():
    """Yield each field for a number with everything that it does not take."""
    for rule in all_rules():
        if isinstance(rule, Number):
            for wrong in [*NOT_A_NUMBER, "2.5", str(rule.least - 1), str(rule.most + 1), "-99999999999999999999"]:
                yield rule.name, wrong
        if isinstance(rule, Number) and rule.step > 1:
            yield rule.name, str(rule.least + 1)
        if isinstance(rule, Percent):
            for wrong in [*NOT_A_NUMBER, str(rule.most + 1), "-1", "1.25", "1e999999", "0.00000001"]:
                yield rule.name, wrong


OTHERS = [
    ("hours", "sometimes", {}), ("hours", "\x00", {}),
    ("instance_types", "x9.huge", {}), ("instance_types", "\x00", {}),
    ("unlimited_credits", "maybe", {}), ("unlimited_credits", "true", {}),
    ("opens_at", "25:00", HOURS), ("opens_at", "nine", HOURS), ("opens_at", "", HOURS), ("closes_at", "\x00", HOURS),
    ("opens_at", "09:00:30", HOURS), ("closes_at", "22:00:00", HOURS),
    ("closes_at", "22.00h", HOURS), ("closes_at", "", HOURS),
    ("zone", "Asia/Nowhere", HOURS), ("zone", "localtime", HOURS),
    ("zone", "../../etc/passwd", HOURS), ("zone", "\x00", HOURS), ("zone", "x" * 9999, HOURS),
    ("hours", "yes", {"opens_at": "00:00", "closes_at": "00:00", "weekends": "on", "zone": "UTC"}),
    ("why", "x" * 201, {}), ("why", "a\x00b", {}), ("why", "a\u202eb", {}), ("why", "a\x07b", {}),
]  # fmt: skip


def refused(desk, wrong, **others):
    """Send wrong values, and return what is said of each."""
    answer = desk.post(PATH, others | wrong)
    assert answer.status_code == 200
    assert not Policy.objects.exists(), "nothing is saved"
    errors = answer.context["page"].form.errors
    assert set(errors) == set(wrong), "the others are right"
    shown = answer.text.replace("&quot;", '"').replace("&#x27;", "'")
    said = Counter(words for [words] in errors.values())
    assert all(shown.count(words) >= times for words, times in said.items())
    return {field: words for field, [words] in errors.items()}


def test_a_number_that_is_none_is_answered_with_what_the_field_takes(desk):
    wrongs, said = defaultdict(list), defaultdict(set)
    for field, wrong in numbers():
        wrongs[field].append(wrong)
    while wrongs:  # all fields at once, as each page takes long
        sent = {field: some.pop() for field, some in wrongs.items()}
        for field, words in refused(desk, sent).items():
            said[field].add(words)
        wrongs = {field: some for field, some in wrongs.items() if some}
    assert len(said) > 10
    for field, [words] in said.items():
        assert any(ours in words for ours in desk.words)
        rule = getattr(Rules, field)
        assert f"{rule.least:,}" in words
        assert f"{rule.most:,}" in words


@pytest.mark.parametrize(("field", "value", "others"), OTHERS)
def test_any_other_field_says_what_it_takes(desk, field, value, others):
    words = refused(desk, {field: value}, **others)[field]
    assert any(ours in words for ours in desk.words)


def test_the_field_that_is_wrong_is_marked_and_told_to_screen_readers(desk):
    shown = desk.post(PATH, {"idle_minutes": "31"}).text
    [field] = re.findall(r'<input[^>]*name="idle_minutes"[^>]*>', shown)
    assert 'aria-invalid="true"' in field
    assert "id_idle_minutes_helptext" in field
    assert 'value="31"' in field, "what she typed is still there"
    assert " autofocus" in field


def test_a_browser_without_scripts_begins_at_the_first_of_several(desk):
    shown = desk.post(PATH, {"disk_mbs": "viel", "starts_a_day": "viel"}).text
    assert re.findall(r'name="(\w+)"[^>]* autofocus', shown) == ["disk_mbs"]


def test_several_mistakes_are_counted(desk, ada):
    answer = desk.post(
        PATH, {"idle_minutes": "31", "disk_mbs": "viel", "hours": "yes", "opens_at": "", "closes_at": "22:00"}
    )
    assert set(answer.context["page"].form.errors) == {"idle_minutes", "disk_mbs", "opens_at"}
    assert ("3 fields need" if translation.get_language() == "en" else "3") in answer.text


@pytest.mark.parametrize("typed", ["３０", " 30 ", "030", "30.0"])
def test_a_number_may_be_typed_as_people_do(desk, typed):
    desk.post(PATH, {"idle_minutes": typed})
    assert rules_of(None).idle_minutes == 30
    assert Policy.objects.get().idle_minutes == 30


def test_what_nobody_has_chosen_is_not_saved_although_it_is_sent(desk):
    desk.post(PATH, {**HOURS, "hours": "no", "weekends": "on"})
    kept = Policy.objects.get()
    assert (kept.has_hours, kept.opens_at, kept.closes_at, kept.zone) == (False, None, None, "")


def test_every_zone_of_a_place_is_in_the_list_and_the_one_of_the_settings_is_chosen(desk):
    shown = desk.get(PATH).text
    offered = set(re.findall(r'<option value="([^"]+)"', shown[shown.index('name="zone"') :]))
    assert {"Asia/Seoul", "Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC"} <= offered
    assert offered <= zones()
    assert '<option value="Asia/Seoul" selected>Seoul</option>' in shown


def test_a_zone_of_an_older_name_is_still_taken(desk):
    desk.post(PATH, {**HOURS, "zone": "ROK"})
    assert rules_of(None).hours.zone.key == "ROK"
    assert 'value="ROK" selected' in desk.get(PATH).text, "and shown"


def test_each_field_has_the_value_that_applies_if_it_is_empty(desk, ada):
    bob = person("bob@example.org")
    desk.post(PATH, {"idle_minutes": "60", "disk_mbs": "2.5"})
    shown = desk.get(f"{PATH}{bob.pk}/").text
    for name, value in {
        "idle_minutes": "60",
        "disk_mbs": "2.5",
        "awake_hours": "24",
        "idle_core_percent": "10",
    }.items():
        [field] = re.findall(rf'<input[^>]*name="{name}"[^>]*>', shown)
        assert f'placeholder="{value}"' in field
        assert "value=" not in field


def test_no_field_is_said_to_be_optional_and_none_is_of_a_kind_that_swallows_letters(desk):
    shown = desk.get(PATH).text
    assert "optional" not in shown
    assert 'type="number"' not in shown


def test_the_same_form_asks_for_everybody_and_for_one(desk):
    bob = person("bob@example.org")
    names = [set(re.findall(r'name="(\w+)"', desk.get(path).text)) for path in (PATH, f"{PATH}{bob.pk}/")]
    assert names[0] == names[1]
    assert {rule.name for rule in all_rules()} < names[0]


def test_a_repeated_parameter_counts_once(desk):
    desk.post(PATH, {"idle_minutes": ["soon", "45"]})
    assert rules_of(None).idle_minutes == 45
    assert PolicyChange.objects.count() == 1
