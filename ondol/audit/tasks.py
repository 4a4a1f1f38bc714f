"""Jobs about the record; loaded by the worker alone."""

from procrastinate.contrib.django import app

from ondol.audit import linking


@app.periodic(cron="* * * * * */5")
@app.task(name="ondol.audit.link", queue="periodic", lock="audit", queueing_lock="audit")
def link(timestamp: int) -> None:
    """Link what was written in the last seconds."""
    linking.link()


@app.periodic(cron="23 * * * *")
@app.task(name="ondol.audit.link_all", queue="periodic", lock="audit", queueing_lock="audit-all")
def link_all(timestamp: int) -> None:
    """Link, every hour, what waits anywhere in the record, however old it is."""
    linking.link(everything=True)
