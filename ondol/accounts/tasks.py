"""Jobs about people; loaded by the worker alone."""

from procrastinate.contrib.django import app

from ondol.accounts import (
    admin_messages,
    expired,
    invitations,
    letter_limits,
    letters,
    mail,
    old_address,
    requests,
    security_letters,
)
from ondol.accounts.models import User
from ondol.audit.models import Entry
from ondol.outbox.jobs import letter_task, retry_failed


@app.periodic(cron="41 * * * *")
@app.task(name="ondol.accounts.prune", queue="periodic", queueing_lock="ondol.accounts.prune")
def prune(timestamp: int) -> None:
    """Remove what has expired, every hour."""
    expired.prune()


@letter_task(letters.TASK)
def letter(template: str, to: str, about: int, language: str) -> None:
    """Send one of allauth's e-mails."""
    letters.write(template, to, about, language)


@letter_task(mail.TASK)
def send(kind: str, user_id: int, to: int) -> None:
    """Send one e-mail about a decision, or about one request: those that an earlier version has enqueued."""
    people = User.objects.in_bulk([user_id, to])
    if user_id in people and to in people:
        mail.send(kind, people[user_id], people[to])


@letter_task(old_address.TASK)
def tell_old_address(change: int = 0, proof: str = "", **_before: object) -> None:
    """Tell an old address that it has been changed, or is about to be. The version before names no change."""
    old_address.tell(change, proof)


@letter_task(letter_limits.TASK)
def letters_left_out(to: int) -> None:
    """Tell an administrator that too many letters were asked for."""
    if reader := User.objects.filter(pk=to).first():
        letter_limits.tell(reader)


@letter_task(security_letters.TASK)
def security(entry: int) -> None:
    """Tell somebody what was done with their account or machine."""
    row = Entry.objects.filter(pk=entry).first()
    if row is None or row.on_id is None:
        return
    if person := User.objects.filter(pk=row.on_id, is_active=True).first():
        security_letters.send(row, person)


@letter_task(security_letters.TASK_OF_COLLEAGUES)
def colleague(entry: int, to: int) -> None:
    """Tell an administrator that somebody's role was changed."""
    row, reader = Entry.objects.filter(pk=entry).first(), User.objects.filter(pk=to, is_active=True).first()
    if row and reader:
        security_letters.send_colleague(row, reader)


@letter_task(admin_messages.TASK)
def message(entry: int) -> None:
    """Send one message of an administrator."""
    admin_messages.send(entry)


@letter_task(invitations.TASK)
def invitation(user_id: int) -> None:
    """Send one invitation."""
    invitations.send(user_id)


@app.periodic(cron="* * * * * */5")
@app.task(name="ondol.accounts.announce", queue="periodic", lock="announce", queueing_lock="announce")
def announce(timestamp: int) -> None:
    """Every five seconds: the first request is announced at once, and those that follow it together.

    During an upgrade, a worker of the version before may take the e-mail's job, which it does not know.
    """
    retry_failed(requests.TASK)
    requests.announce()


@letter_task(requests.TASK)
def request(people: list[int], to: int) -> None:
    """Send one e-mail about new requests to an administrator."""
    if reader := User.objects.filter(pk=to).first():
        requests.send(people, reader)
