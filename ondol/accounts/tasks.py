"""Jobs about people; loaded by the worker alone."""

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from ondol.accounts import letters, mail
from ondol.accounts.models import User

_RETRY = RetryStrategy(max_attempts=8, exponential_wait=3)
"""Retries go on for about an hour while a mail server does not answer."""


@app.task(name=letters.TASK, queue="mail", retry=_RETRY)
def letter(template: str, to: str, about: int, language: str) -> None:
    """Send one of allauth's e-mails."""
    letters.write(template, to, about, language)


@app.task(name=mail.TASK, queue="mail", retry=_RETRY)
def send(kind: str, user_id: int, to: int) -> None:
    """Send one e-mail about a request or a decision."""
    people = User.objects.in_bulk([user_id, to])
    if user_id in people and to in people:
        mail.send(kind, people[user_id], people[to])
