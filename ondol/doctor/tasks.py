"""The check-up as a job: every hour, at a worker's start, when an administrator asks. Loaded by the worker alone."""

from procrastinate.contrib.django import app

from ondol import clock
from ondol.config import config
from ondol.deployment import warm_ups
from ondol.deployment.warm_ups import WarmUps
from ondol.doctor import records
from ondol.doctor.check_up import check_up as examine
from ondol.doctor.findings import Finding, Level
from ondol.outbox import state as outbox


@app.task(name=records.TASK, queue="periodic", queueing_lock=records.TASK)
def check_up() -> None:
    """Make one check-up, and save it for the pages."""
    began, at = clock.real_now(), clock.now()
    found = examine(config())
    records.keep(found, began)
    let_e_mails_try(found)
    for finding in found:
        if finding.check == "warm_up" and finding.code in set(WarmUps):
            warm_ups.note(WarmUps(finding.code), at)


def let_e_mails_try(found: list[Finding]) -> None:
    """Let e-mails try without waiting, if the mail server answers."""
    if any(finding.check == "mail" and finding.level is Level.OK for finding in found):
        outbox.try_now()


@app.periodic(cron="23 * * * *")
@app.task(name="ondol.doctor.hourly", queue="periodic", queueing_lock="ondol.doctor.hourly")
def hourly(timestamp: int) -> None:
    """Make a check-up every hour."""
    records.ask()
