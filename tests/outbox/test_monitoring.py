"""Prometheus is told of e-mails that are not delivered, and the shipped alerts fire. Server and e-mails are real."""

import re

import pytest
import yaml

from ondol.monitoring.facts import read_facts
from ondol.outbox import jobs
from ondol.outbox.models import MailServerState, UndeliveredEmail
from tests.outbox.mail_host import MailHost
from tests.outbox.test_delivery import AWAY, people, timedelta, wait, work

pytestmark = [pytest.mark.enable_socket, pytest.mark.django_db]
COMPARED = re.compile(r"max\((\w+)(?:\{state=\"(\w+)\"\})?\) > (\d+)")


@pytest.fixture
def firing(request):
    """Return a function that returns which of the shipped alerts about e-mails would fire now."""
    text = (request.config.rootpath / "deploy/monitoring/ondol-alerts.yaml").read_text()
    rules = {rule["alert"]: rule["expr"] for group in yaml.safe_load(text)["groups"] for rule in group["rules"]}

    def fired():
        facts = {
            (sample.name, sample.labels.get("state", "")): sample.value
            for family in read_facts()
            for sample in family.samples
        }
        return {
            name
            for name in ("OndolEmailsWait", "OndolEmailsFailed")
            if all(facts[metric, state] > int(limit) for metric, state, limit in parsed(rules[name]))
        }

    return fired


def parsed(expression):
    """Return the comparisons of a rule, of which all have to be true."""
    parts = [COMPARED.fullmatch(part) for part in expression.split(" and ")]
    return [part.groups(default="") for part in parts]


def outage(**passed):
    """Let the outage have begun so much earlier."""
    row = MailServerState.objects.get()
    row.failing_since -= timedelta(**passed)
    row.save()


def test_an_alert_fires_after_fifteen_minutes_without_the_server_and_ends_with_the_outage(mail_settings, firing):
    people(3)
    with MailHost(AWAY) as host:
        mail_settings(host.url())
        work()
        assert firing() == set(), "servers are restarted"
        outage(minutes=14)
        assert firing() == set()
        outage(minutes=2)
        assert firing() == {"OndolEmailsWait"}
        host.says = {}
        wait(minutes=6)
        assert len(host.letters) == 3
    assert firing() == set()


@pytest.mark.parametrize("says", [{"RCPT": "550 5.1.1 no such user"}, {".": "554 spam"}])
def test_an_alert_fires_for_an_e_mail_that_was_given_up_until_somebody_has_looked(mail_settings, firing, says):
    people()
    with MailHost(says) as host:
        mail_settings(host.url())
        work()
    assert firing() == {"OndolEmailsFailed"}
    jobs.forget(UndeliveredEmail.objects.get().pk)
    assert firing() == set()


def test_an_e_mail_that_is_given_up_after_days_of_outage_waits_no_more(mail_settings, firing):
    people()
    with MailHost(AWAY) as host:
        mail_settings(host.url())
        work()
        outage(days=5)
        wait(days=5, minutes=1)
    assert firing() == {"OndolEmailsFailed"}
