"""Credits of burstable types, as the EC2 user guide counts them."""

import pytest

from localcloud.cloudwatch.credits import Credits

HOUR = 3600.0


def small(balance: float = 0.0) -> Credits:
    """Return those of a t3.small: two vCPUs at a baseline of 20 %."""
    return Credits(20.0, 2, balance)


def test_a_small_one_earns_24_an_hour_and_at_most_those_of_a_day() -> None:
    credits = small()
    credits.spend(HOUR, 0, unlimited=False)
    assert credits.balance == pytest.approx(24)
    credits.spend(100 * HOUR, 0, unlimited=False)
    assert credits.balance == pytest.approx(576)


def test_without_any_it_gets_its_baseline_and_saves_nothing() -> None:
    credits = small()
    assert credits.spend(HOUR, 100, unlimited=False) == pytest.approx(20)
    assert credits.spend(HOUR, 15, unlimited=False) == 15
    assert credits.balance == pytest.approx(6)


def test_credits_buy_full_speed_as_long_as_they_last() -> None:
    credits = small(balance=16)  # two vCPUs use 2 a minute and earn 0.4
    assert credits.spend(10 * 60, 100, unlimited=False) == pytest.approx(100)
    assert credits.balance == pytest.approx(0)


def test_an_unlimited_one_is_never_slowed_and_pays_back_first() -> None:
    credits = small()
    assert credits.spend(HOUR, 100, unlimited=True) == 100
    assert (credits.balance, credits.surplus) == pytest.approx((0, 96))
    credits.spend(5 * HOUR, 0, unlimited=True)
    assert (credits.balance, credits.surplus) == pytest.approx((24, 0))
