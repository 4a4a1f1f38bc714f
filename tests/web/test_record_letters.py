"""People get an e-mail about what others do to them, and not ten."""

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts import security_letters, tasks
from ondol.accounts.models import Role, User
from ondol.audit.actions import Action
from ondol.audit.models import Entry
from tests.web.browser import sign_in
from tests.web.conftest import confirmed, person
from tests.web.record_desk import FROM, World


def enqueued():
    return list(ProcrastinateJob.objects.filter(task_name=security_letters.TASK).order_by("pk"))


def test_ten_downloads_in_a_minute_are_one_letter_and_a_new_address_another(db, mailoutbox):
    world = World()
    before = len(enqueued())
    for _ in range(10):
        world.post("machine_key")
    assert len(enqueued()) == before + 1
    world.browser.post(reverse("machine_key"), REMOTE_ADDR="198.51.100.4")
    assert len(enqueued()) == before + 2
    world.post("token_create", name="a", scopes="read", days=90)
    jobs = enqueued()[before:]
    assert len(jobs) == 3
    for job in jobs:
        entry = Entry.objects.get(pk=job.args["entry"])
        security_letters.send(entry, User.objects.get(pk=entry.on_id))
    first, second, third = mailoutbox
    assert (FROM in first.body, "198.51.100.4" in second.body) == (True, True)
    assert all(letter.to == ["bob@example.org"] for letter in mailoutbox)
    assert ": a." in third.body
    assert "PRIVATE KEY-" not in first.body
    assert "ondol_" not in third.body


@pytest.mark.parametrize(
    ("language", "by", "kept"),
    [("en", "By: ada@", "disk and your files are kept"), ("ko", "실행한 사람: ada@", "디스크와 파일")],
)
def test_whose_machine_an_administrator_stops_reads_by_whom_and_that_the_disk_is_kept(
    db, mailoutbox, language, by, kept
):
    ada, bob = person("ada@example.org", role=Role.ADMIN), person("bob@example.org", language=language)
    security_letters.send(security_letters.record_and_tell(Action.MACHINE_STOP, bob, by=ada), bob)
    (letter,) = mailoutbox
    assert by in letter.body
    assert kept in letter.body
    assert {"en": "press “Start”", "ko": "“시작” 버튼"}[language] in letter.body


def letters_about(action):
    """Send what is enqueued about an act; return who was told."""
    jobs = ProcrastinateJob.objects.filter(
        task_name__in=[security_letters.TASK, security_letters.TASK_OF_COLLEAGUES]
    ).order_by("pk")
    found = [(job, Entry.objects.get(pk=job.args["entry"])) for job in jobs]
    mail.outbox.clear()
    for job, entry in found:
        if entry.action == action:
            if job.task_name == security_letters.TASK:
                tasks.security(job.args["entry"])
            else:
                tasks.colleague(job.args["entry"], job.args["to"])
    return sorted(letter.to[0] for letter in mail.outbox)


def test_people_are_told_what_administrators_do_to_them(db):
    """Nobody finds out by looking, and no administrator is removed without an e-mail to the others."""
    world = World()
    eve = person("eve@example.org", role=Role.ADMIN)
    bob = ("bob@example.org",)
    ends = {
        Action.MACHINE_STOP: ("admin_stop", confirmed(world.bob), bob),
        Action.POLICY: ("admin_policy_person", {"idle_minutes": "45"}, bob),
        Action.BUDGET: ("admin_costs_person_budget", {"usd": "5", "stops": "on"}, bob),
        Action.ROLE: ("admin_role", {"role": "ADMIN"}, ("bob@example.org", eve.email)),
        Action.MACHINE_TERMINATE: ("admin_terminate", {"email": "bob@example.org"}, bob),
    }
    browser = Client()
    sign_in(browser, world.ada)
    for action, (name, form, told) in ends.items():
        args = [] if "people" in form else [world.bob.pk]
        assert browser.post(reverse(name, args=args), form).status_code == 302, name
        assert letters_about(action) == sorted(told), action
        assert all(world.ada.email in letter.body for letter in mail.outbox), action
