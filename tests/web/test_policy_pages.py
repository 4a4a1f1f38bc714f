"""Ada sets the default rules and those of Bob; they are checked, saved with her name, and armed at once."""

import re

import pytest
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts.models import Role
from ondol.audit.record import Action, write
from ondol.instances.jobs import RECONCILE
from ondol.instances.models import Instance
from ondol.policy.models import Policy, PolicyChange
from ondol.policy.rules import rules_of
from tests.web.conftest import machine, person

pytestmark = pytest.mark.django_db
EVERYBODY = "/admin/policy/"
NOTHING = {"idle_minutes": "", "idle_core_percent": "", "awake_hours": "", "volume_gib_max": "", "hours": "", "why": ""}


@pytest.fixture
def ada(db):
    return person("ada@example.org", role=Role.ADMIN)


@pytest.fixture
def desk(browser_of, ada):
    return browser_of(ada)


def page(answer):
    return " ".join(answer.content.decode().split())


def save(desk, path=EVERYBODY, **said):
    seen = re.search(r'name="seen" value="(\d+)"', desk.get(path).text)[1]
    return desk.post(path, NOTHING | {"seen": seen} | said, follow=True)


def asked_for():
    return {job.args["row"] for job in ProcrastinateJob.objects.filter(task_name=RECONCILE)}


def test_a_rule_for_everybody_holds_for_bob(desk, ada, bob):
    save(desk, idle_minutes="60", idle_core_percent="2.5", awake_hours="8", why="Nights are long.")
    rules = rules_of(bob.pk)
    assert (rules.idle_minutes, rules.idle_core_percent, rules.awake_hours) == (60, 2.5, 8)
    assert rules.why == "Nights are long."
    kept = Policy.objects.get()
    assert (kept.owner, kept.set_by) == (None, ada)


def test_bobs_own_comes_before_everybodys_and_what_he_has_none_of_is_inherited(desk, bob):
    save(desk, idle_minutes="60", awake_hours="8")
    save(desk, f"{EVERYBODY}{bob.pk}/", idle_minutes="120")
    assert (rules_of(bob.pk).idle_minutes, rules_of(bob.pk).awake_hours) == (120, 8)
    assert rules_of(None).idle_minutes == 60
    save(desk, f"{EVERYBODY}{bob.pk}/")
    assert rules_of(bob.pk).idle_minutes == 60


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("idle_minutes", "10"), ("idle_minutes", "31"), ("idle_minutes", "725"), ("idle_minutes", "soon"),
        ("idle_core_percent", "0"), ("idle_core_percent", "99.5"), ("idle_core_percent", "1.25"),
        ("awake_hours", "48"), ("awake_hours", "-1"), ("volume_gib_max", "16385"), ("volume_gib_max", "5"),
        ("instance_types", "x2iedn.32xlarge"), ("hours", "sometimes"), ("why", "x" * 201),
    ],
)  # fmt: skip
def test_what_aws_or_the_settings_do_not_allow_is_refused_at_the_field(desk, field, value):
    answer = save(desk, **{field: value})
    assert field in answer.context["form"].errors
    assert not Policy.objects.exists()
    assert "errorlist" in page(answer)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("opens_at", {"closes_at": "22:00", "zone": "Asia/Seoul"}),
        ("closes_at", {"opens_at": "09:00", "zone": "Asia/Seoul"}),
        ("opens_at", {"opens_at": "25:00", "closes_at": "22:00"}),
        ("zone", {"opens_at": "09:00", "closes_at": "22:00", "zone": "Asia/Nowhere"}),
        ("zone", {"opens_at": "09:00", "closes_at": "22:00", "zone": "localtime"}),
        ("zone", {"opens_at": "09:00", "closes_at": "22:00", "zone": "../../etc/passwd"}),
        ("hours", {"opens_at": "00:00", "closes_at": "00:00", "weekends": "on"}),
    ],
)
def test_hours_need_a_beginning_an_end_and_a_zone(desk, field, said):
    answer = save(desk, hours="yes", **said)
    assert field in answer.context["form"].errors
    assert not Policy.objects.exists()


@pytest.mark.parametrize(("language", "words"), [("en", "Choose at most 19.9%"), ("ko", "19.9% 이하로 정하거나")])
def test_a_share_that_is_too_near_a_burstable_type_is_refused_with_the_reason(browser_of, ada, language, words):
    answer = save(browser_of(ada, language), idle_core_percent="20")
    [mistake] = answer.context["form"].errors["idle_core_percent"]
    assert words in mistake
    assert "t3.small, t3.medium" in mistake
    assert 'value="20"' in page(answer)
    assert not Policy.objects.exists()


def test_a_change_by_the_old_name_of_a_rule_is_told_in_words(desk, ada):
    write(Action.POLICY, by=ada, what={"idle_cpu_percent": [5.0, 2.5]})
    assert "idle CPU of two vCPUs 5.0 → 2.5" in page(desk.get("/admin/activity/"))


def test_hours_are_kept_and_shown_again(desk):
    save(desk, hours="yes", opens_at="09:00", closes_at="02:00", zone="Europe/Berlin")
    shown = page(desk.get(EVERYBODY))
    assert "Monday to Friday 09:00–02:00 the next day (Europe/Berlin)" in shown
    assert 'value="02:00"' in shown
    save(desk, hours="no")
    assert rules_of(None).hours is None


def test_what_would_be_inherited_is_told_at_each_field(desk, bob):
    save(desk, idle_minutes="60")
    shown = page(desk.get(f"{EVERYBODY}{bob.pk}/"))
    assert 'placeholder="60"' in shown
    assert "Empty: " not in shown, "the box says it already"
    assert "at any time (as installed)" in shown
    assert "None chosen: t3.small" in shown
    assert "(optional)" not in shown


@pytest.mark.parametrize(("language", "words"), [("en", "without a limit"), ("ko", "제한 없음")])
def test_24_hours_in_24_are_called_without_a_limit(desk, browser_of, bob, language, words):
    Policy.objects.create(owner=None, lease_hours=24)
    assert words in browser_of(bob, language).get(reverse("account")).text
    assert "in 24;" not in browser_of(bob, "en").get(reverse("help")).text


def test_who_changed_what_is_told_in_both_languages(desk, browser_of, ada, bob):
    save(desk, f"{EVERYBODY}{bob.pk}/", idle_minutes="60")
    save(desk, f"{EVERYBODY}{bob.pk}/", idle_minutes="90")
    save(desk, f"{EVERYBODY}{bob.pk}/", idle_minutes="90")
    assert PolicyChange.objects.count() == 2, "saving the same is no change"
    for path in ("/admin/activity/", f"/admin/people/{bob.pk}/", f"{EVERYBODY}{bob.pk}/"):
        shown = page(desk.get(path))
        assert "rules changed" in shown.lower()
        assert "idle minutes 60 → 90" in shown
        assert "Ada" in shown
    assert "규칙 변경" in page(browser_of(ada, "ko").get("/admin/activity/"))


def test_machines_whose_rule_has_changed_are_armed_anew_at_once_and_no_others(desk, bob):
    carol = person("carol2@example.org")
    bobs, carols = machine(bob), machine(carol)
    Policy.objects.create(owner=carol, idle_minutes=30)
    save(desk, idle_minutes="60")
    assert asked_for() == {str(bobs.pk)}
    assert Instance.objects.get(pk=bobs.pk).run.armed_at is None
    assert Instance.objects.get(pk=carols.pk).run.armed_at is not None


def test_a_rule_about_other_things_leaves_alarms_alone(desk, bob):
    machine(bob)
    save(desk, awake_hours="2", why="Save.")
    assert asked_for() == set()


def test_types_are_of_those_that_are_permitted(desk, bob):
    answer = desk.get(EVERYBODY)
    offered = [name for name, _ in answer.context["form"].fields["instance_types"].choices]
    save(desk, instance_types=offered[:1])
    assert rules_of(bob.pk).instance_types == tuple(offered[:1])


@pytest.mark.parametrize("language", ["ko", "en"])
def test_each_language_has_its_own_words(browser_of, ada, bob, language):
    desk = browser_of(ada, language)
    for path in (EVERYBODY, f"{EVERYBODY}{bob.pk}/"):
        shown = page(desk.get(path))
        assert ("중지까지 유휴 시간" in shown) is (language == "ko")
        assert ("Idle time before stop" in shown) is (language == "en")


def test_bob_sets_no_rules(browser_of, bob):
    for path in (EVERYBODY, f"{EVERYBODY}{bob.pk}/"):
        assert browser_of(bob).post(path, NOTHING | {"idle_minutes": "720"}).status_code == 403
    assert not Policy.objects.exists()


def test_there_is_no_policy_of_nobody(desk):
    assert desk.get(f"{EVERYBODY}999999/").status_code == 404


def test_the_way_there_is_in_the_header_and_on_the_persons_page(desk, bob):
    assert 'href="/admin/policy/"' in page(desk.get("/admin/people/"))
    assert f'href="/admin/policy/{bob.pk}/"' in page(desk.get(f"/admin/people/{bob.pk}/"))
