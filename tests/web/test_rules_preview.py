"""Ada looks at what other rules would have done before she saves them, and takes back what she has saved."""

import re
from datetime import time, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import translation
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol import clock
from ondol.accounts.models import Role
from ondol.audit.actions import Action, Outcome
from ondol.audit.models import Entry
from ondol.autostop.forecast import PERIOD, floor
from ondol.autostop.models import CpuReading
from ondol.autostop.policies import set_policy
from ondol.config import config
from ondol.costs.models import ExchangeRate
from ondol.instances.models import Run
from ondol.instances.states import Reason, Status
from ondol.policy.allowed_hours import describe_hours
from ondol.policy.catalog import stored_fields
from ondol.policy.hours import Hours
from ondol.policy.models import Policy, PolicyChange
from ondol.policy.rules import rules_of
from tests.web.conftest import machine, person

pytestmark = pytest.mark.django_db
EVERYBODY = "/admin/policy/"
NOTHING = dict.fromkeys(stored_fields()) | {"weekends": True, "zone": "", "why": ""}
ALL = {
    "idle_minutes": 45, "idle_core_percent": Decimal("2.5"), "awake_hours": 0, "network_kbs": 0,
    "disk_mbs": Decimal("0.1"), "lease_hours": 24, "instance_types": ["t3.small"], "unlimited_credits": False,
    "volume_gib_max": 40, "starts_a_day": 5, "creations_a_day": 4, "type_changes_a_day": 0, "ssh_addresses": 1,
    "ssh_prefix": 28, "has_hours": True, "opens_at": time(9), "closes_at": time(22, 30), "weekends": False,
    "zone": "Europe/Berlin", "why": "Nights are long.",
}  # fmt: skip


@pytest.fixture
def ada(db):
    return person("ada@example.org", role=Role.ADMIN)


@pytest.fixture
def desk(browser_of, ada):
    return browser_of(ada)


@pytest.fixture
def bobs_day(bob):
    """Return Bob's machine, which worked for half an hour, idled for 50 minutes, worked again and idled, yesterday."""
    row = machine(bob, Status.STOPPED, Reason.IDLE, minutes_ago=60)
    Run.objects.filter(instance=row).update(launched_at=None)
    began = floor(clock.now() - timedelta(days=1))
    minutes = 145
    Run.objects.create(
        instance=row, began_at=began, launched_at=began, ended_at=began + timedelta(minutes=minutes), end_reason="IDLE"
    )
    for n in range(minutes // 5):
        percent = 40 if n < 6 or 16 <= n < 22 else 0.5
        CpuReading.objects.create(instance=row, at=began + n * PERIOD, percent=percent)
    return row


def shown(answer):
    text = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return " ".join(text.split())


def look(desk, path=EVERYBODY, **said):
    return desk.post(path, {"preview": "yes", **said})


def undo(desk, change):
    return desk.post(reverse("admin_policy_undo", args=[change.pk]), follow=True)


def kept(owner=None):
    policy = Policy.objects.get(owner=owner)
    return {name: getattr(policy, name) for name in stored_fields()}


# --- preview ---------------------------------------------------------------------------------------------------------
def test_a_preview_tells_stops_hours_and_money(desk, ada, bob, bobs_day):
    ExchangeRate.objects.create(krw=Decimal(1400), as_of=clock.now().date(), set_by=ada)
    set_policy(None, ada, NOTHING | {"idle_minutes": 60})
    text = shown(look(desk, idle_minutes="30", seen=version(desk.get(EVERYBODY))))
    assert "Stops 1 → 2, 1 of them while somebody worked." in text
    assert "idle minutes: 60 → 30" in text
    assert "Hours of running 2.9 2.0" in text, "171 and 122 minutes"
    # t3.small in Seoul: $0.026 and $0.005 for its address, for 49 minutes less
    assert "Saves $0.03 (₩35)" in text
    assert "Tried on: 1 run, 1 machine, 1 day. Older readings, up to 30 days, are not there." in text
    assert bob.name in text


def test_longer_windows_cost_more(desk, bobs_day):
    assert "more." in shown(look(desk, idle_minutes="60"))
    assert "Stops 2 → 1, 0 of them while somebody worked. Costs $0.03 more." in shown(look(desk, idle_minutes="60"))


def test_korean_readers_read_won_first(browser_of, ada, bobs_day):
    ExchangeRate.objects.create(krw=Decimal(1400), as_of=clock.now().date(), set_by=ada)
    text = shown(look(browser_of(ada, "ko"), idle_minutes="60"))
    assert "중지 2회 → 1회, 그중 0회는 작업 중." in text
    assert re.search(r"비용이 ₩3\d \(\$0.03\) 늘어납니다", text)


def test_a_preview_changes_nothing_and_keeps_what_was_typed(desk, bob, bobs_day):
    before = Entry.objects.count(), ProcrastinateJob.objects.count()
    answer = look(desk, idle_minutes="15", why="Save.", hours="yes", opens_at="09:00", closes_at="18:00", zone="UTC")
    assert answer.status_code == 200
    assert (Entry.objects.count(), ProcrastinateJob.objects.count()) == before
    assert not Policy.objects.exists()
    assert not PolicyChange.objects.exists()
    assert rules_of(bob.pk).idle_minutes == config().idle_minutes
    for typed in ('value="15"', 'value="Save."', 'value="18:00"'):
        assert typed in answer.content.decode(), "a click on Save saves it"


def test_what_is_not_allowed_has_no_preview(desk, bobs_day):
    answer = look(desk, idle_minutes="16")
    assert answer.context["page"].preview is None
    assert "Enter a multiple of 5" in shown(answer)
    answer = look(desk, idle_core_percent="20")
    assert answer.context["page"].preview is None
    assert "Choose at most 19.9%" in shown(answer), "what goes by other rules too"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "Nothing: these rules apply already."),
        ({"starts_a_day": "3"}, "No machine would have stopped sooner or later by this."),
        ({"idle_minutes": "15"}, "there is nothing to try it on"),
    ],
)
def test_where_nothing_can_be_computed_it_says_why(desk, bob, said, words):
    assert words in shown(look(desk, **said))


def test_one_persons_rules_have_the_same_preview(desk, bob, bobs_day):
    carol = person("carol2@example.org")
    assert "Stops 2 → 1" in shown(look(desk, f"{EVERYBODY}{bob.pk}/", idle_minutes="60"))
    assert "there is nothing to try it on" in shown(look(desk, f"{EVERYBODY}{carol.pk}/", idle_minutes="60"))


def test_the_persons_page_says_which_rules_are_their_own(desk, ada, bob):
    path = f"/admin/people/{bob.pk}/"
    assert "Rules of this person the default rules" in shown(desk.get(path))
    set_policy(bob, ada, NOTHING | {"idle_minutes": 90, "awake_hours": 2})
    told = "Rules of this person Own: Stopped after: 90 idle minutes · Keep awake: at most 2 hours at a time"
    assert told in shown(desk.get(path))


def test_bob_gets_no_preview(browser_of, bob, bobs_day):
    for path in (EVERYBODY, f"{EVERYBODY}{bob.pk}/"):
        assert look(browser_of(bob), path, idle_minutes="15").status_code == 403


def test_a_type_without_a_price_is_named(desk, bob, bobs_day):
    type(bobs_day).objects.filter(pk=bobs_day.pk).update(seen_type="x9.huge")
    assert "since no price is known: x9.huge" in shown(look(desk, idle_minutes="15"))


@pytest.fixture
def another_preview(db):
    """Let another preview be made all the time, by another connection."""
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('ondol.preview'))")
    yield other
    other.close()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Another preview is being made. Try again in a few seconds."),
        ("ko", "다른 미리보기를 만들고 있습니다. 몇 초 뒤에 다시 시도하십시오."),
    ],
)
def test_one_preview_is_made_at_a_time(browser_of, ada, bobs_day, another_preview, language, words):
    desk = browser_of(ada, language)
    answer = look(desk, idle_minutes="60", why="Nights.")
    assert words in shown(answer)
    assert answer.context["page"].preview is None
    assert 'value="60"' in answer.text
    assert 'value="Nights."' in answer.text
    another_preview.close()
    answer = look(desk, idle_minutes="60")
    assert words not in shown(answer)
    assert answer.context["page"].preview.is_known


def test_rules_are_saved_while_a_preview_is_made(desk, another_preview):
    desk.post(EVERYBODY, {"idle_minutes": "60"})
    assert rules_of(None).idle_minutes == 60


# --- undo ------------------------------------------------------------------------------------------------------------
def test_one_click_restores_every_kind_of_value(desk, ada, bob):
    set_policy(bob, ada, ALL)
    before = kept(bob)
    set_policy(bob, ada, NOTHING)
    answer = undo(desk, PolicyChange.objects.first())
    assert "Applied again." in shown(answer), "the second change has taken back the first"
    assert answer.redirect_chain[-1][0] == f"{EVERYBODY}{bob.pk}/"
    assert kept(bob) == before
    assert rules_of(bob.pk).hours.zone.key == "Europe/Berlin"


def test_the_line_with_undo_is_there_after_saving(desk, ada):
    assert "Undo" not in shown(desk.get(EVERYBODY))
    answer = desk.post(EVERYBODY, {"idle_minutes": "60", "hours": "no"}, follow=True)
    text = shown(answer)
    assert re.search(
        r"Last change, today [\d:]+ : allowed hours default → at any time, idle minutes default → 60", text
    )
    assert reverse("admin_policy_undo", args=[PolicyChange.objects.get().pk]) in answer.content.decode()
    assert "Undo" not in shown(desk.get(f"{EVERYBODY}{ada.pk}/")), "of other rules it is no change"


def test_an_undo_is_a_change_with_a_name_a_row_and_an_undo_of_its_own(desk, browser_of, ada):
    set_policy(None, ada, NOTHING | {"idle_minutes": 60})
    eve = person("eve@example.org", role=Role.ADMIN)
    undo(browser_of(eve), PolicyChange.objects.get())
    newest = PolicyChange.objects.first()
    assert (newest.what, newest.by) == ({"idle_minutes": [60, None]}, eve)
    row = Entry.objects.filter(action=Action.POLICY).latest("pk")
    assert (row.by_email, row.outcome) == (eve.email, Outcome.DONE)
    undo(desk, newest)
    assert rules_of(None).idle_minutes == 60


def test_after_an_undo_the_button_says_that_it_applies_the_change_again(desk, ada):
    def button():
        return re.search(r'<button class="plain small" type="submit">(.*?)</button>', desk.get(EVERYBODY).text)[1]

    told = []
    set_policy(None, ada, NOTHING | {"idle_minutes": 60})
    for _ in range(3):
        told.append((button(), shown(undo(desk, PolicyChange.objects.first()))))
    assert [word for word, _page in told] == ["Undo", "Apply again", "Undo"]
    assert ["Undone." in page for _word, page in told] == [True, False, True]
    assert "Applied again." in told[1][1]


@pytest.mark.parametrize(
    ("closes", "language", "told"),
    [
        (time(7), "en", "Monday to Friday 21:00–07:00 the next day ("),
        (time(7), "ko", "월~금 21:00~다음 날 07:00 ("),
        (time(23), "en", "Monday to Friday 21:00–23:00 ("),
    ],
)
def test_hours_over_midnight_say_that_they_end_on_the_next_day(closes, language, told):
    with translation.override(language):
        assert describe_hours(Hours.of(time(21), closes, False, "Asia/Seoul")).startswith(told)


def test_a_reason_that_is_new_had_none_before_instead_of_a_default(desk, ada):
    set_policy(None, ada, NOTHING | {"idle_minutes": 60, "why": "Nights are long."})
    page = shown(desk.get(EVERYBODY))
    assert "why none → Nights are long." in page
    assert "idle minutes default → 60" in page


def test_the_second_of_two_clicks_is_refused_with_a_sentence(desk, ada):
    set_policy(None, ada, NOTHING | {"idle_minutes": 60})
    change = PolicyChange.objects.get()
    undo(desk, change)
    assert "This change cannot be undone: the rules have been changed since." in shown(undo(desk, change))
    assert PolicyChange.objects.count() == 2
    assert Entry.objects.filter(action=Action.POLICY, outcome=Outcome.REFUSED, code="rules_changed").count() == 1


def test_what_was_changed_since_is_not_lost(desk, browser_of, ada):
    set_policy(None, ada, NOTHING | {"idle_minutes": 60})
    mine = PolicyChange.objects.get()
    eve = person("eve@example.org", role=Role.ADMIN)
    set_policy(None, eve, NOTHING | {"idle_minutes": 60, "awake_hours": 2})
    undo(desk, mine)
    assert (rules_of(None).idle_minutes, rules_of(None).awake_hours) == (60, 2)


def test_other_peoples_rules_are_no_change_of_these(desk, ada, bob):
    set_policy(None, ada, NOTHING | {"idle_minutes": 60})
    mine = PolicyChange.objects.get()
    set_policy(bob, ada, NOTHING | {"idle_minutes": 90})
    undo(desk, mine)
    assert (rules_of(None).idle_minutes, rules_of(bob.pk).idle_minutes) == (config().idle_minutes, 90)


def test_what_an_older_version_has_changed_cannot_be_undone(desk, ada):
    Policy.objects.create(owner=None)
    change = PolicyChange.objects.create(what={"volume_gb_max": [10, 20]}, by=ada)
    assert "Undo" not in shown(desk.get(EVERYBODY))
    assert "cannot be undone" in shown(undo(desk, change))


def test_what_the_settings_do_not_allow_any_more_is_not_restored(desk, ada):
    Policy.objects.create(owner=None, instance_types=["t3.small"])
    change = PolicyChange.objects.create(what={"instance_types": [["x9.huge"], ["t3.small"]]}, by=ada)
    assert "Choose among the types of this list." in shown(undo(desk, change))
    assert rules_of(None).instance_types == ("t3.small",)


def test_machines_that_run_are_armed_by_the_old_rule(desk, ada, bob):
    row = machine(bob)
    set_policy(None, ada, NOTHING | {"idle_minutes": 60})
    Run.objects.filter(instance=row).update(armed_idle_minutes=60, armed_at=clock.now())
    undo(desk, PolicyChange.objects.get())
    assert Run.objects.get(instance=row).armed_at is None


def test_bob_undoes_nothing(browser_of, ada, bob):
    set_policy(None, ada, NOTHING | {"idle_minutes": 60})
    path = reverse("admin_policy_undo", args=[PolicyChange.objects.get().pk])
    assert browser_of(bob).post(path).status_code == 403
    assert browser_of(ada).get(path).status_code == 405
    assert browser_of(ada).post(reverse("admin_policy_undo", args=[999999])).status_code == 404
    assert rules_of(None).idle_minutes == 60


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "allowed hours at any time → Monday to Friday 09:00–22:30 (Europe/Berlin)"),
        ("ko", "운영 시간 언제나 → 월~금 09:00~22:30 (Europe/Berlin)"),
    ],
)
def test_the_record_tells_hours_as_one_thing(browser_of, ada, language, words):
    set_policy(None, ada, NOTHING | {"has_hours": False})
    set_policy(None, ada, ALL)
    desk = browser_of(ada, language)
    for path in (EVERYBODY, "/admin/activity/"):
        assert words in shown(desk.get(path))
    assert "has_hours" not in shown(desk.get("/admin/activity/")), "not in the record's own rows either"
    assert "has_hours" in desk.get("/admin/activity/csv/").text, "programs read the names"


# --- two administrators ----------------------------------------------------------------------------------------------
STALE = {
    "en": (
        "These rules have been changed since you opened this page.",
        "still in the form",
        "idle minutes default → 60",
    ),
    "ko": ("이 페이지를 연 뒤에 규칙이 바뀌었습니다.", "양식에 그대로 있습니다", "→ 60"),
}


def version(answer):
    return re.search(r'name="seen" value="(\d+)"', answer.content.decode())[1]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("whose", ["everybody", "bob"])
@pytest.mark.parametrize("button", [{}, {"preview": "yes"}], ids=["save", "preview"])
def test_what_eve_has_saved_meanwhile_is_not_replaced_unread(browser_of, ada, bob, language, whose, button):
    owner, path = (bob, f"{EVERYBODY}{bob.pk}/") if whose == "bob" else (None, EVERYBODY)
    eve = person("eve@example.org", role=Role.ADMIN)
    desk = browser_of(ada, language)
    old = version(desk.get(path))
    eves = browser_of(eve)
    eves.post(path, {"idle_minutes": "60", "seen": version(eves.get(path))})
    answer = desk.post(path, {"awake_hours": "7", "why": "Mine.", "seen": old, **button})
    for words in (*STALE[language], eve.name, 'value="7"', 'value="Mine."'):
        assert words in answer.content.decode()
    assert answer.context["page"].preview is None
    assert (kept(owner)["idle_minutes"], kept(owner)["awake_hours"]) == (60, None)
    desk.post(path, {"awake_hours": "7", "why": "Mine.", "seen": version(answer)})
    assert (kept(owner)["idle_minutes"], kept(owner)["awake_hours"]) == (None, 7), "she has read what she replaces"


def test_a_page_stays_as_old_as_it_was_through_mistakes_and_previews(desk, ada):
    old = version(desk.get(EVERYBODY))
    assert version(look(desk, idle_minutes="45", seen=old)) == old
    set_policy(None, ada, NOTHING | {"idle_minutes": 60})
    mistaken = desk.post(EVERYBODY, {"idle_minutes": "31", "seen": old})
    assert version(mistaken) == old
    assert STALE["en"][0] in shown(desk.post(EVERYBODY, {"idle_minutes": "30", "seen": old}))


def test_other_peoples_rules_make_no_page_older(desk, ada, bob):
    old = version(desk.get(EVERYBODY))
    set_policy(bob, ada, NOTHING | {"idle_minutes": 60})
    desk.post(EVERYBODY, {"idle_minutes": "45", "seen": old})
    assert rules_of(None).idle_minutes == 45


def test_the_second_click_on_save_is_no_change_of_somebody_else(desk):
    old = version(desk.get(EVERYBODY))
    for _click in range(2):
        answer = desk.post(EVERYBODY, {"idle_minutes": "45", "seen": old}, follow=True)
        assert STALE["en"][0] not in shown(answer)
    assert PolicyChange.objects.count() == 1


@pytest.mark.parametrize("seen", ["", "x", "-1", "1_0", "\x00", "٣", "9" * 18, "9" * 5000])
def test_a_version_that_is_none_replaces_nothing(desk, ada, seen):
    set_policy(None, ada, NOTHING | {"idle_minutes": 60})
    assert STALE["en"][0] in shown(desk.post(EVERYBODY, {"idle_minutes": "45", "seen": seen}))
    assert rules_of(None).idle_minutes == 60


@pytest.mark.parametrize("button", [{}, {"preview": "yes"}], ids=["save", "preview"])
def test_what_is_no_page_replaces_nothing_either(desk, ada, button):
    """A form without the version is as old as can be; where nothing was ever changed, it replaces nothing."""
    set_policy(None, ada, NOTHING | {"idle_minutes": 60})
    answer = desk.post(EVERYBODY, {"idle_minutes": "30", **button})
    assert STALE["en"][0] in shown(answer)
    assert rules_of(None).idle_minutes == 60
    desk.post(EVERYBODY, {"idle_minutes": "30", "seen": version(answer)})
    assert rules_of(None).idle_minutes == 30


def test_a_program_that_is_no_page_replaces_what_is_there(ada):
    set_policy(None, ada, NOTHING | {"idle_minutes": 60})
    assert set_policy(None, ada, NOTHING | {"idle_minutes": 45})


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            "1 machine that this concerns is running now. It gets the new rule within a minute of saving, which does "
            "not stop it in the first 15 minutes. What becomes of this run is not in the figures above. "
            "Machines that run now, and that the changed hours stop: Bob , ",
        ),
        ("ko", "지금 실행 중인 머신 1대에도 적용됩니다."),
    ],
)
def test_what_new_hours_do_to_a_machine_that_runs_is_told(browser_of, ada, bob, language, words):
    machine(bob, minutes_ago=5)
    said = {"hours": "yes", "opens_at": "09:00", "closes_at": "18:00", "weekends": "on", "zone": "Asia/Seoul"}
    assert words in shown(look(browser_of(ada, language), **said))
    assert words not in shown(look(browser_of(ada, language), starts_a_day="3"))


def test_how_changed_hours_are_tried_is_told_with_the_figures(desk, bobs_day):
    words = "Changed hours are tried as if they had applied all this time."
    said = {"hours": "yes", "opens_at": "09:00", "closes_at": "18:00", "weekends": "on", "zone": "Asia/Seoul"}
    assert words in shown(look(desk, **said))
    assert words not in shown(look(desk, idle_minutes="60"))


def test_a_refused_save_is_in_the_record(desk, ada):
    old = version(desk.get(EVERYBODY))
    set_policy(None, ada, NOTHING | {"idle_minutes": 60})
    desk.post(EVERYBODY, {"idle_minutes": "45", "seen": old})
    row = Entry.objects.filter(action=Action.POLICY).latest("pk")
    assert (row.by_email, row.outcome, row.code) == (ada.email, Outcome.REFUSED, "rules_changed")
