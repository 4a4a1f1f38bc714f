"""Jobs about auto-stop; loaded by the worker alone."""

import logging
from datetime import timedelta

from procrastinate.contrib.django import app

from ondol.autostop import leases, readings, schedule, warnings
from ondol.autostop.models import StopWarning
from ondol.cloud.errors import CloudError
from ondol.deployment.connection import cloud
from ondol.nightly import at_night
from ondol.outbox.jobs import letter_task
from ondol.pace import cron_of
from ondol.priorities import BY_THE_CLOCK

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=30)
"""How often these jobs check all running machines, on the machines' clock. CloudWatch has new data every five minutes,
and leases are renewed and e-mails sent minutes ahead."""


@app.periodic(cron="* * * * * */5")
@app.task(name="ondol.autostop.hours", queue="periodic", lock="hours", queueing_lock="hours", priority=BY_THE_CLOCK)
def hours(timestamp: int) -> None:
    """Stop machines whose hours are over, every five seconds of real time: five minutes in a trial at speed 60."""
    schedule.check()


@app.periodic(cron=cron_of(EVERY))
@app.task(
    name="ondol.autostop.readings", queue="periodic", lock="readings", queueing_lock="readings", priority=BY_THE_CLOCK
)
def collect(timestamp: int) -> None:
    """Read new datapoints, every half minute; AWS is called only when some are due."""
    try:
        readings.collect(cloud())
    except CloudError as error:
        log.warning("the readings could not be read", extra={"code": error.code, "kind": type(error).__name__})


@app.periodic(cron=cron_of(EVERY))
@app.task(name="ondol.autostop.leases", queue="periodic", lock="leases", queueing_lock="leases", priority=BY_THE_CLOCK)
def hold(timestamp: int) -> None:
    """Renew and end leases, every half minute, also while CloudWatch does not answer."""
    leases.check()


@app.periodic(cron=cron_of(EVERY))
@app.task(
    name="ondol.autostop.warnings", queue="periodic", lock="warnings", queueing_lock="warnings", priority=BY_THE_CLOCK
)
def warn(timestamp: int) -> None:
    """Send warnings, every half minute; in a fast trial every two seconds, which are minutes there."""
    warnings.check()


@letter_task(warnings.TASK)
def letter(warning: int) -> None:
    """Send one e-mail about a stop, unless it would come too late."""
    about = StopWarning.objects.select_related("instance__owner", "instance__run").filter(pk=warning).first()
    if about:
        warnings.send(about)


@app.periodic(cron=at_night("04:23"))
@app.task(name="ondol.autostop.prune", queue="periodic", queueing_lock="prune")
def prune(timestamp: int) -> None:
    """Every night."""
    readings.prune()
    warnings.prune()
