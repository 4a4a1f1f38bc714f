"""Jobs about people; loaded by the worker alone."""

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from ondol.accounts import mail
from ondol.accounts.models import User


@app.task(name=mail.TASK, queue="mail", retry=RetryStrategy(max_attempts=8, exponential_wait=3))
def send(kind: str, user_id: int, to: int) -> None:
    """Write one letter; a mail server that is away is asked again for about an hour."""
    people = User.objects.in_bulk([user_id, to])
    if user_id in people and to in people:
        mail.send(kind, people[user_id], people[to])
