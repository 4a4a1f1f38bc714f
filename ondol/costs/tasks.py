"""Jobs about money; loaded by the worker alone, which holds AWS's credentials."""

import logging
from collections.abc import Callable
from datetime import timedelta

from django.db.models import Q
from procrastinate.contrib.django import app

from ondol import clock
from ondol.accounts.models import User
from ondol.cloud.errors import CloudError
from ondol.cloud.price_list import AwsPriceList
from ondol.cloud.price_port import PriceList
from ondol.config import config
from ondol.costs import budget, prepared, prices
from ondol.costs.bills import this_month
from ondol.costs.models import BudgetNotice, PriceCheck
from ondol.costs.price_table import Dated
from ondol.nightly import at_night
from ondol.outbox.jobs import letter_task
from ondol.priorities import BY_THE_CLOCK

log = logging.getLogger(__name__)
FRESH, AGAIN = timedelta(hours=20), timedelta(hours=1)
"""Prices change a few times a year: once a day is enough; after a failure, an hour is soon enough."""


@app.periodic(cron="* * * * * */30")
@app.task(name="ondol.costs.budgets", queue="periodic", lock="budgets", queueing_lock="budgets", priority=BY_THE_CLOCK)
def budgets(timestamp: int) -> None:
    """Check budgets twice a minute: a trial's month may last hours. Without budgets nothing is calculated."""
    budget.check()


@app.periodic(cron="* * * * * */30")
@app.task(name="ondol.costs.figures", queue="periodic", lock="figures", queueing_lock="figures")
def figures(timestamp: int) -> None:
    """Keep the figures of this month and of the last one prepared, so that no page has to."""
    month = this_month()
    for one in (month, month.previous):
        prepared.refresh(one)


@app.periodic(cron=at_night("02:47"))
@app.task(name="ondol.costs.compare", queue="periodic", lock="figures", queueing_lock="compare")
def compare(timestamp: int) -> None:
    """Compare the figures of this month and of the last one with the record, every night; what differs is logged, and
    made again."""
    month = this_month()
    for one in (month, month.previous):
        prepared.differing(one)


@app.periodic(cron="*/5 * * * *")
@app.task(name="ondol.costs.prices", queue="periodic", lock="prices", queueing_lock="prices")
def refresh_prices(timestamp: int) -> None:
    """Read the Price List a few minutes after the first start, then once a day."""
    now = clock.real_now()
    went_well = Q(tried_at__gt=now - FRESH, trouble_code="")
    if not PriceCheck.objects.filter(went_well | Q(tried_at__gt=now - AGAIN)).exists():
        refresh(lambda: AwsPriceList.from_config(config()))


def refresh(price_list: Callable[[], PriceList]) -> None:
    """Save what the Price List says; if it may not be asked, the known prices stay in force."""
    try:
        told = price_list().prices(prices.wanted())
    except CloudError as error:
        log.info("the Price List cannot be asked", extra={"code": error.code, "kind": type(error).__name__})
        prices.note_trouble(error.code)
        return
    prices.keep((price.what, Dated(price.since, price.usd)) for price in told)


@letter_task(budget.TASK)
def letter(notice: int, to: int) -> None:
    """Send one e-mail about a budget."""
    about = BudgetNotice.objects.select_related("owner").filter(pk=notice).first()
    reader = User.objects.filter(pk=to).first()
    if about and reader:
        budget.send(about, reader)
