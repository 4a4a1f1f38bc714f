"""GET /api/costs: what one's own machine costs."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from ondol import clock
from ondol.costs.models import Budget, ExchangeRate
from ondol.instances.models import StatusChange
from ondol.instances.states import Status
from tests.api.caller import refusal
from tests.costs.lives import kst


@pytest.fixture(autouse=True)
def _june(machines_clock):
    machines_clock.freeze(kst("06-20 12:00"))


@pytest.fixture
def ran(machine):
    """Return a function that makes somebody's machine, which has been running for ten hours."""

    def make(program):
        row = machine(program, status=Status.RUNNING)
        at = clock.now() - timedelta(hours=10)
        StatusChange.objects.create(instance=row, new=Status.RUNNING, reason="DONE", at=at)

    return make


def test_alice_reads_what_her_page_shows(alice, ran):
    ran(alice)
    told = alice.get("/costs").json()
    assert (told["month"], told["time_zone"], told["running_hours"]) == ("2026-06", "Asia/Seoul", "10.000")
    assert told["total"] == {"usd": "0.35", "krw": None}
    assert [(line["item"], line["quantity"], line["amount"]["usd"]) for line in told["lines"]] == [
        ("compute", "10.000", "0.26"),
        ("public-ipv4", "10.000", "0.05"),
        ("gp3", "0.417", "0.04"),
        ("alarm", "0.014", "0.00"),
    ]
    assert Decimal(told["forecast"]["usd"]) > Decimal("0.35")


def test_with_a_rate_and_a_budget_she_reads_those_too(alice, ran):
    ran(alice)
    ExchangeRate.objects.create(krw=Decimal(1400), as_of=date(2026, 6, 19))
    Budget.objects.create(usd=Decimal("0.50"), stops=True)
    told = alice.get("/costs?month=2026-06").json()
    assert told["total"] == {"usd": "0.35", "krw": "489"}
    assert (told["krw_per_usd"], told["krw_as_of"]) == ("1400.00", "2026-06-19")
    assert told["budget"] == {"usd": "0.50", "used_percent": 69, "stops": True}


def test_a_month_without_a_machine_costs_nothing(alice, bob, ran):
    ran(bob)
    for month in ("2026-06", "2026-05", "2099-12"):
        told = alice.get(f"/costs?month={month}").json()
        assert (told["total"]["usd"], told["forecast"]["usd"], told["lines"]) == ("0.00", "0.00", [])


@pytest.mark.parametrize("month", ["2026-13", "June", "2026-6", "1999-01"])
def test_what_is_no_month_is_refused(alice, month):
    assert refusal(alice.get(f"/costs?month={month}"), 422)["hint"].startswith("month: ")


def test_a_used_up_budget_is_a_refusal_with_a_code(alice, ran):
    ran(alice)
    Budget.objects.create(usd=Decimal("0.01"), stops=True)
    alice.user.instances.update(status=Status.STOPPED)
    told = refusal(alice.post("/instances/start"), 409)
    assert told["code"] == "budget"
    assert "1 Jul 2026" in told["hint"]
