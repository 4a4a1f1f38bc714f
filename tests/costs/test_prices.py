"""Which price is in force when, and what the Price List's news changes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ondol.cloud.errors import Refused
from ondol.cloud.price_port import ListPrice
from ondol.config import config
from ondol.costs import prices, tasks
from ondol.costs.models import ListPrice as Kept
from ondol.costs.models import PriceCheck
from ondol.costs.price_table import PriceTable, shipped
from ondol.costs.tasks import refresh

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
LONG_AGO = datetime(2024, 2, 1, tzinfo=UTC)


class Told:
    """A price list that says this, or cannot."""

    def __init__(self, *told: ListPrice, trouble: Refused | None = None) -> None:
        self.told, self.trouble, self.asked = told, trouble, set()

    def prices(self, instance_types):
        self.asked = set(instance_types)
        if self.trouble:
            raise self.trouble
        return list(self.told)


def test_the_package_knows_seoul():
    assert prices.prices().at("t3.small", NOW).usd == Decimal("0.026")
    price = prices.price_of("t3.small", 30)
    assert (price.running_hour, price.resting_month) == (Decimal("0.031"), Decimal("2.836"))
    assert shipped("eu-west-1") == {}


def test_what_has_no_price_has_none(monkeypatch):
    assert prices.price_of("p5.48xlarge", 30) is None
    monkeypatch.setattr(config(), "region", "eu-west-1")
    assert prices.price_of("t3.small", 30) is None


def test_before_its_first_date_the_first_price_counts():
    assert prices.prices().at("t3.small", LONG_AGO).usd == Decimal("0.026")
    assert PriceTable({}).at("t3.small", NOW) is None


def test_the_same_price_under_a_new_date_is_no_news():
    refresh(lambda: Told(ListPrice("t3.small", Decimal("0.026"), NOVEMBER)))
    assert not Kept.objects.exists()
    assert PriceCheck.objects.get().told_at is not None


def test_another_price_counts_from_its_date_on():
    for _ in range(2):
        refresh(lambda: Told(ListPrice("t3.small", Decimal("0.025"), NOVEMBER)))
    table = prices.prices()
    assert table.at("t3.small", NOVEMBER).usd == Decimal("0.025")
    assert table.at("t3.small", datetime(2026, 10, 31, 23, 59, tzinfo=UTC)).usd == Decimal("0.026")
    assert Kept.objects.count() == 1


def test_a_mistake_in_the_packages_table_is_mended():
    """The list in force is older than the table, and says something else."""
    refresh(lambda: Told(ListPrice("t3.small", Decimal("0.030"), LONG_AGO)))
    assert prices.prices().at("t3.small", NOW).usd == Decimal("0.030")


def test_types_that_are_used_are_asked_for_too(rig, alice):
    rig.running(alice)
    type(alice.instances.first()).objects.update(instance_type="m7i.large")
    told = Told(ListPrice("m7i.large", Decimal("0.1239"), NOVEMBER))
    refresh(lambda: told)
    assert {"m7i.large", "t3.small", "t3.nano"} <= told.asked
    assert not {"gp3", "alarm", "public-ipv4"} & told.asked
    assert prices.price_of("m7i.large", 30).running_hour == Decimal("0.1289")


def test_where_it_may_not_be_asked_the_known_prices_stay_and_the_trouble_is_told():
    refresh(lambda: Told(ListPrice("t3.small", Decimal("0.025"), NOVEMBER)))
    refresh(lambda: Told(trouble=Refused("AccessDeniedException")))
    check = PriceCheck.objects.get()
    assert (check.trouble_code, check.told_at is None) == ("AccessDeniedException", False)
    assert prices.prices().at("t3.small", NOW).usd == Decimal("0.025")


@pytest.mark.parametrize(
    ("hours", "code", "is_due"),
    [(19, "", False), (21, "", True), (0.5, "AccessDenied", False), (1.5, "AccessDenied", True)],
)
def test_the_list_is_read_once_a_day_and_an_hour_after_a_failure(monkeypatch, hours, code, is_due):
    reads = []
    monkeypatch.setattr(tasks, "refresh", reads.append)
    PriceCheck.objects.create(tried_at=datetime.now(UTC) - timedelta(hours=hours), trouble_code=code)
    tasks.refresh_prices(timestamp=0)
    assert bool(reads) == is_due
    PriceCheck.objects.all().delete()
    tasks.refresh_prices(timestamp=0)
    assert reads
