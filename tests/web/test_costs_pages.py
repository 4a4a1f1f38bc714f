"""What machines cost: a person's own page, and everybody's for administrators."""

import csv
import io
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from ondol import clock
from ondol.accounts.models import User
from ondol.autostop.models import MetricsRead
from ondol.costs.bills import this_month
from ondol.costs.models import Budget, ExchangeRate, ListPrice, PriceCheck
from ondol.instances.models import Instance, StatusChange
from ondol.instances.states import Reason, Status
from ondol.web.costs.forms import BudgetForm
from tests.web.conftest import machine, person

NOON = datetime(2026, 6, 20, 12, tzinfo=ZoneInfo("Asia/Seoul"))
"""Noon, ten hours after every machine here began to run."""


@pytest.fixture(autouse=True)
def _june(machines_clock):
    machines_clock.freeze(NOON)


def ran(owner, hours=10):
    """Make a machine that has been running for so long."""
    return machine(owner, minutes_ago=hours * 60)


def words(answer):
    """Return the text of a page, as one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


@pytest.mark.parametrize("name", ["admin_costs", "admin_costs_csv"])
def test_everybodys_costs_are_for_administrators(bob, browser_of, name):
    assert browser_of(bob).get(reverse(name)).status_code == 403


@pytest.mark.parametrize("path", ["rate/", "budget/", "1/budget/", "1/"])
def test_bob_sets_nothing_and_sees_nobody_else(bob, browser_of, path):
    browser = browser_of(bob)
    for ask in (browser.get, browser.post):
        assert ask(f"/admin/costs/{path}", {"usd": "1", "krw": "1300"}).status_code in {403, 405}
    assert not Budget.objects.exists()
    assert not ExchangeRate.objects.exists()


def test_bob_sees_each_line_and_the_lines_make_the_total(bob, browser_of):
    ran(bob)
    page = words(browser_of(bob).get("/costs/"))
    for line in (
        "Compute · t3.small 10.000 hours × $0.026 $0.26",
        "Public address (IPv4) 10.000 hours × $0.005 $0.05",
        "Disk · gp3, 30 GiB 0.417 GiB-months × $0.0912 $0.04",
        "Auto-stop alarm 0.014 months × $0.10 &lt;$0.01",
        "Total $0.35",
    ):
        assert line in page


def test_bob_sees_them_on_his_dashboard_too(bob, browser_of):
    ran(bob)
    page = words(browser_of(bob).get("/"))
    assert "Costs in June 2026" in page
    assert "So far $0.35" in page


def test_what_auto_stop_has_saved_is_said_to_bob_and_to_alice(alice, bob, browser_of):
    row = machine(bob, Status.STOPPED, Reason.IDLE, minutes_ago=100)
    began = row.status_since - timedelta(hours=10)
    StatusChange.objects.create(instance=row, new=Status.RUNNING, reason=Reason.DONE, at=began)
    for browser, path in ((browser_of(bob), "/costs/"), (browser_of(alice), "/admin/costs/")):
        assert "vs. running 24/7 · $0.05 by auto-stop" in words(browser.get(path))


def test_a_resting_machine_costs_what_its_own_disk_costs(bob, browser_of):
    row = machine(bob, Status.STOPPED)
    row.volume_gib = 200
    row.save()
    assert "$18.34 a month, for disk and alarm" in words(browser_of(bob).get("/"))


def test_without_a_machine_there_is_no_card(bob, browser_of):
    assert "Costs in" not in words(browser_of(bob).get("/"))
    page = words(browser_of(bob).get("/costs/"))
    assert "You have had no machine this month." in page
    assert "list prices" not in page, "nothing has a price here"


def test_a_price_stays_in_the_line_of_its_sign(bob, browser_of):
    ran(bob)
    page = browser_of(bob).get("/costs/").text
    assert page.count("×\N{NO-BREAK SPACE}$") == page.count("×") == 4


def test_a_month_can_be_chosen_while_there_were_machines(bob, browser_of):
    row = ran(bob)
    row.created_at = clock.now() - timedelta(days=50)
    row.save()
    StatusChange.objects.update(at=row.created_at)
    browser = browser_of(bob)
    assert re.findall(r'<option value="([\d-]+)"', browser.get("/costs/").text) == ["2026-06", "2026-05"]
    may = words(browser.get("/costs/?month=2026-05"))
    assert "The whole month $" in may
    assert "Forecast" not in may


@pytest.mark.parametrize("month", ["2026-07", "2026-13", "June", "1999-01", "٢٠٢٦-06"])
def test_a_month_that_is_none_is_not_found(bob, browser_of, month):
    assert browser_of(bob).get("/costs/", {"month": month}).status_code == 404


def test_won_are_shown_once_a_rate_is_set_with_its_day(alice, bob, browser_of):
    ran(bob)
    browser = browser_of(alice)
    assert "₩" not in words(browser.get("/admin/costs/"))
    browser.post("/admin/costs/rate/", {"krw": "1400", "as_of": "2026-06-19"})
    page = words(browser.get("/admin/costs/"))
    assert "One dollar is counted as 1,400 won, the rate of 2026-06-19." in page
    assert "₩489" in words(browser_of(bob).get("/costs/"))  # 10 h × $0.031 + 10/720 × $2.836, × 1,400
    rate = ExchangeRate.objects.get()
    assert (rate.set_by, rate.as_of) == (alice, date(2026, 6, 19))


@pytest.mark.parametrize(
    ("krw", "as_of"),
    [
        *((krw, "2026-06-19") for krw in ("", "0", "-5", "1e9", "abc")),
        *(("1400", as_of) for as_of in ("", "0001-01-01", "2999-01-01", "2026-02-30")),
    ],
)
def test_a_rate_that_is_none_is_refused_with_the_reason(alice, browser_of, krw, as_of):
    answer = browser_of(alice).post("/admin/costs/rate/", {"krw": krw, "as_of": as_of})
    assert answer.status_code == 200
    assert 'class="errorlist"' in answer.text
    assert not ExchangeRate.objects.exists()


def test_an_administrator_sees_everybody_and_the_sum(alice, bob, browser_of):
    ran(bob)
    ran(person("frank@example.org"), hours=20)
    page = words(browser_of(alice).get("/admin/costs/"))
    assert re.search(r"Frank frank@example.org .*?\$0\.70 \$[\d.]+ 20\.0", page)
    assert re.search(r"Bob bob@example.org .*?\$0\.35 \$[\d.]+ 10\.0", page)
    assert "So far $1.05" in page


def rows(page):
    """Return the names in a table, in their order."""
    return re.findall(r'scope="row"><a href="/admin/costs/\d+/[^>]*>([^<]+)</a>', page.text)


@pytest.fixture
def three(alice, browser_of):
    """Anna has run for 30 hours, Ben for 10 of a budget of $1, Cleo for 20 of a budget that is used up."""
    for name, hours, where, usd in (
        ("Anna", 30, "Radar", ""),
        ("Ben", 10, "Radar", "1"),
        ("Cleo", 20, "Optics", "0.5"),
    ):
        owner = person(f"{name.lower()}@example.org", name=name, affiliation=where)
        ran(owner, hours=hours)
        if usd:
            Budget.objects.create(owner=owner, usd=Decimal(usd), stops=name == "Cleo")
    return lambda query="": browser_of(alice).get(f"/admin/costs/{query}")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", "Anna Cleo Ben"),
        ("?sort=cost", "Ben Cleo Anna"),
        ("?sort=person", "Anna Ben Cleo"),
        ("?sort=-hours", "Anna Cleo Ben"),
        ("?sort=-forecast", "Anna Ben Cleo"),
        ("?sort=-budget", "Cleo Ben Anna"),
        ("?budget=over", "Cleo"),
        ("?budget=none", "Anna"),
        ("?affiliation=Radar", "Anna Ben"),
        ("?q=optics", "Cleo"),
        ("?sort=nothing&budget=%00&affiliation=%F0%9F&page=9999999999999999999999", "Anna Cleo Ben"),
    ],
)
def test_ada_sorts_filters_and_searches_the_month(three, query, names):
    assert rows(three(query)) == names.split()


def test_of_those_that_are_left_there_is_a_total_and_a_file(three, alice, browser_of):
    page = words(three("?affiliation=Radar"))
    assert "Radar: 2 people" in page
    assert ": 2 people" not in words(three("?sort=person"))
    assert "Total of these $1.40" in page
    assert "So far $2.10" in page
    file = browser_of(alice).get("/admin/costs/csv/?affiliation=Radar&month=2026-06").content.decode("utf-8-sig")
    assert [row[1] for row in csv.reader(io.StringIO(file))][1:] == ["Anna", "Ben"]
    link = re.search(r'href="/admin/costs/csv/(\?[^"]+)"', three("?affiliation=Radar&sort=person").text)
    assert link
    assert set(link[1].replace("&amp;", "&")[1:].split("&")) == {"affiliation=Radar", "sort=person", "month=2026-06"}


def test_who_is_over_budget_is_told_with_what_follows(three):
    page = words(three())
    assert "139% of $0.50 · stopped until the month is over" in page
    assert "34% of $1.00" in page
    Budget.objects.update(stops=False)
    assert "139% of $0.50 · notified, not stopped" in words(three())


def test_another_month_stays_chosen_when_ada_sorts(three):
    StatusChange.objects.update(at=clock.now() - timedelta(days=30))
    for row in Instance.objects.all():
        row.created_at = clock.now() - timedelta(days=40)
        row.save()
    page = three("?month=2026-05")
    assert len(rows(page)) == 3
    assert "?month=2026-05&amp;sort=person#table" in page.text
    assert '<input type="hidden" name="month" value="2026-05">' in page.text
    assert "Forecast" not in words(page)


def test_the_overview_says_what_all_months_come_to(three, alice, browser_of):
    page = words(browser_of(alice).get("/admin/"))
    assert "Spent $2.10" in page
    assert "69% of all budgets ($1.50) is used." in page
    assert "1 person has used up their budget." in page


def test_korean_readers_see_won_first(three, alice, browser_of):
    ExchangeRate.objects.create(krw=Decimal(1400), as_of=NOON.date())
    korean = browser_of(alice, "ko")
    for path in ("/admin/costs/", "/admin/", "/admin/fleet/", "/admin/people/"):
        assert "₩1,4" in words(korean.get(path)) or "₩2,9" in words(korean.get(path)), path


def test_a_paper_says_what_it_is_of(three):
    page = words(three())
    assert "printed 20 Jun 2026, 12:00 KST" in page


def test_of_sixty_people_fifty_are_on_a_page_and_all_are_in_the_sum(alice, browser_of):
    for number in range(60):
        ran(person(f"p{number}@example.org"))
    browser = browser_of(alice)
    first, second = (browser.get(reverse("admin_costs"), {"page": number}) for number in (1, 2))
    assert [page.text.count("@example.org</span></th>") for page in (first, second)] == [50, 10]
    sums = [re.search(r'class="facts sums.*?</dl>', page.text, re.DOTALL) for page in (first, second)]
    assert sums[0]
    assert sums[1]
    assert sums[0][0] == sums[1][0]


def test_an_administrator_sees_one_persons_lines(alice, bob, browser_of):
    ran(bob)
    page = words(browser_of(alice).get(f"/admin/costs/{bob.pk}/?month=2026-06"))
    assert "Costs of Bob" in page
    assert "Total $0.35" in page
    assert browser_of(alice).get("/admin/costs/999999/").status_code == 404


def test_the_file_opens_in_a_korean_excel_and_holds_no_formula(alice, browser_of):
    ran(person("minji@example.org", name="김민지", affiliation='=HYPERLINK("http://evil.example")'))
    answer = browser_of(alice, "ko").get("/admin/costs/csv/?month=2026-06")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "ondol-costs-2026-06.csv" in answer.headers["Content-Disposition"]
    assert answer.content.startswith(b"\xef\xbb\xbf")
    head, row = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert head[:5] == ["월", "이름", "메일", "소속", "시간"]
    assert row[:5] == ["2026-06", "김민지", "minji@example.org", '\'=HYPERLINK("http://evil.example")', "10.000"]
    assert sum(Decimal(part) for part in row[5:9]) == Decimal(row[9]) == Decimal("0.35")


@pytest.mark.parametrize("name", ["=1+1", "＝1+1", "@SUM(A1)", "-2", "\t1"])
def test_no_name_is_a_formula(alice, browser_of, name):
    ran(person("mallory@example.org", name=name))
    table = browser_of(alice).get("/admin/costs/csv/?month=2026-06").content.decode("utf-8-sig")
    assert [row[1] for row in csv.reader(io.StringIO(table))][1] == f"'{name}"


def test_the_budget_of_everybody_is_set_changed_and_taken_away(alice, browser_of):
    browser = browser_of(alice)
    browser.post("/admin/costs/budget/", {"usd": "20", "stops": "on"})
    browser.post("/admin/costs/budget/", {"usd": "25.50"})
    budget = Budget.objects.get()
    assert (budget.owner, budget.usd, budget.stops) == (None, Decimal("25.50"), False)
    browser.post("/admin/costs/budget/", {"usd": ""})
    assert not Budget.objects.exists()


def test_bobs_own_budget_is_his_alone(alice, bob, browser_of):
    browser = browser_of(alice)
    browser.post("/admin/costs/budget/", {"usd": "20"})
    browser.post(f"/admin/costs/{bob.pk}/budget/", {"usd": "0.40", "stops": "on"})
    assert {budget.owner: budget.usd for budget in Budget.objects.all()} == {None: 20, bob: Decimal("0.40")}
    ran(bob)
    page = words(browser_of(bob).get("/costs/"))
    assert "87% of this month’s budget of $0.40 is used" in page
    assert "When it is used up, the machine is stopped." in page


@pytest.mark.parametrize("usd", ["0", "-1", "a lot", "1e12"])
def test_a_budget_that_is_none_is_refused_with_the_reason(alice, bob, browser_of, usd):
    for path in ("budget/", f"{bob.pk}/budget/"):
        answer = browser_of(alice).post(f"/admin/costs/{path}", {"usd": usd})
        assert answer.status_code == 200
        assert 'class="errorlist"' in answer.text
    assert not Budget.objects.exists()


@pytest.mark.parametrize("whose", ["everybody's", "bob's"])
def test_of_two_first_budgets_at_the_same_time_the_later_holds(bob, whose):
    owner = bob if whose == "bob's" else None
    forms = [BudgetForm({"usd": usd}, instance=Budget(owner=owner)) for usd in ("20", "30")]
    assert all(form.is_valid() for form in forms)
    for form in forms:
        form.save()
    assert Budget.objects.get().usd == 30


def test_bob_reads_why_his_machine_does_not_start(bob, browser_of):
    Budget.objects.create(usd=Decimal("0.01"), stops=True)
    row = ran(bob)
    row.status, row.status_reason = Status.STOPPED, Reason.BUDGET
    row.save()
    browser = browser_of(bob)
    page = words(browser.get("/"))
    assert "This month’s budget is used up. The disk and everything on it is kept." in page
    assert "It is used up: no machine runs until next month" in page
    answer = browser.post(reverse("machine_start"), follow=True)
    assert "This month’s budget for your machine is used up. It can run again from 1 Jul 2026" in words(answer)


def test_prices_are_shown_with_their_dates_and_where_they_are_from(alice, browser_of):
    browser = browser_of(alice)
    assert "From the table that comes with Ondol" in words(browser.get("/admin/costs/"))
    ListPrice.objects.create(region="ap-northeast-2", what="t3.small", since=clock.now(), usd=Decimal("0.0255"))
    PriceCheck.objects.create(tried_at=clock.now(), told_at=clock.now(), trouble_code="AccessDeniedException")
    page = words(browser.get("/admin/costs/"))
    assert "t3.small since 2026-06-20 $0.0255 an hour" in page
    assert "AWS’s Price List was last read at 20 Jun 2026, 12:00 KST" in page
    assert "The last try failed (AccessDeniedException)" in page


def test_what_has_no_price_is_named(bob, browser_of):
    row = ran(bob)
    row.instance_type = "p5.48xlarge"
    row.save()
    page = words(browser_of(bob).get("/costs/"))
    assert "Compute · p5.48xlarge 10.000 hours, no price known –" in page
    assert "Items without a known price are not in the total." in page


def test_this_month_is_that_of_the_machines_clock():
    assert str(this_month()) == "2026-06"


def test_everybody_may_be_nobody(alice, browser_of):
    assert "There was no machine in this month." in words(browser_of(alice).get("/admin/costs/"))
    assert User.objects.count() == 1


def test_ada_sees_what_reading_the_metrics_has_cost(alice, browser_of):
    MetricsRead.objects.create(day=NOON.date(), count=43_210)
    MetricsRead.objects.create(day=NOON.date() - timedelta(days=40), count=10**9)
    assert "has cost a further $0.43: 43,210 metrics" in words(browser_of(alice).get("/admin/costs/"))


def test_who_has_no_budget_has_a_dash_and_a_total_says_of_how_many(alice, browser_of):
    for number in range(51):
        ran(person(f"person{number}@example.org"))
    page = browser_of(alice).get("/admin/costs/").text
    assert re.search(r'<td role="cell" class="amount whole" data-label="Budget">\s+—\s+</td>', page)
    assert "Total (51 people)" in page
    assert re.search(r"<h1>All costs ", page)


def test_hours_of_running_and_the_share_of_a_budget_have_plain_words_in_korean(alice, browser_of):
    ran(alice)
    page = words(browser_of(alice, "ko").get("/admin/costs/"))
    for word in ("전체 비용", "80% 이상", "실행 시간", "예산을 모두 쓰면 머신 중지"):
        assert word in page
