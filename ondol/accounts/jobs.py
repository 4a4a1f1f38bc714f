"""Jobs about people; loaded by the worker alone."""

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from ondol.accounts import mail
from ondol.accounts.models import User


@app.task(name=mail.TASK, queue="mail", retry=RetryStrategy(max_attempts=8, exponential_wait=5))
def send(kind: str, user_id: int) -> None:
    """Send one e-mail; a mail server that is away is asked again for about half an hour."""
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        return
    if kind == "request":
        mail.send_request(user)
    else:
        mail.send_decision(user)
