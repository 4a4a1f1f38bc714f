"""Jobs about auto-stop; loaded by the worker alone."""

import logging

from procrastinate.contrib.django import app

from ondol.autostop import readings, schedule
from ondol.cloud.errors import CloudError
from ondol.instances.jobs import cloud

log = logging.getLogger(__name__)


@app.periodic(cron="* * * * * */15")
@app.task(name="ondol.autostop.hours", queue="look", lock="hours", queueing_lock="hours")
def hours(timestamp: int) -> None:
    """Every 15 seconds (real time): a quarter of an hour in a trial at speed."""
    schedule.check()


@app.periodic(cron="* * * * * */2")
@app.task(name="ondol.autostop.readings", queue="look", lock="readings", queueing_lock="readings")
def collect(timestamp: int) -> None:
    """Every two seconds; without a call to AWS but for one when new datapoints are due."""
    try:
        readings.collect(cloud())
    except CloudError as error:
        log.warning("the CPU could not be read", extra={"code": error.code, "kind": type(error).__name__})


@app.periodic(cron="23 4 * * *")
@app.task(name="ondol.autostop.prune", queue="look", queueing_lock="prune")
def prune(timestamp: int) -> None:
    """Every night."""
    readings.prune()
