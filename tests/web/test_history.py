"""What has happened to a machine: created, started, stopped, by whom, why, and how long it ran."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from ondol import clock
from ondol.audit.actions import Action, Outcome
from ondol.audit.models import Entry
from ondol.autostop import awake
from ondol.autostop.models import StopWarning, WorkLease
from ondol.instances.models import StatusChange
from ondol.instances.states import Status
from ondol.web.history.timeline import timeline
from tests.web.conftest import machine


@pytest.fixture
def story(bob, alice):
    """Return Bob's machine: created, stopped for idling after two hours, started, stopped by Alice, resized."""
    row = machine(bob, Status.STOPPED)
    StatusChange.objects.all().delete()
    start = clock.now() - timedelta(days=1)
    receipt = {"cpu": [0.4, 1.25, 0.5, 0.4, 0.6, 4.9], "rule": {"minutes": 30, "percent": 5.0}}

    def tell(minutes, old, new, reason, by=None, **detail):
        at = start + timedelta(minutes=minutes)
        size = {"instance_type": "t3.small", "volume_gib": 30}
        StatusChange.objects.create(instance=row, old=old, new=new, reason=reason, by=by, at=at, detail=size | detail)

    tell(0, "", "PENDING", "PERSON", bob)
    tell(1, "PENDING", "RUNNING", "DONE")
    tell(123, "RUNNING", "STOPPING", "IDLE", since=(start + timedelta(minutes=121)).isoformat(), **receipt)
    tell(124, "STOPPING", "STOPPED", "IDLE")
    tell(200, "STOPPED", "STARTING", "PERSON", bob)
    tell(201, "STARTING", "RUNNING", "DONE")
    tell(231, "RUNNING", "STOPPING", "ADMIN", alice)
    tell(232, "STOPPING", "STOPPED", "ADMIN")
    return row


def test_each_run_is_told_with_its_length_its_end_and_whose_wish_it_was(story, bob, alice):
    told = [(str(event.what), event.by, event.ran) for event in timeline(bob)]
    assert told == [
        ("Stopped", alice, timedelta(minutes=31)),
        ("Started", bob, None),
        ("Stopped", None, timedelta(minutes=123)),
        ("Created", bob, None),
    ]


def test_an_empty_history_tells_of_no_clock(bob, browser_of, machines_clock):
    machines_clock.set(datetime(2120, 6, 1, tzinfo=UTC))
    assert "trial’s clock" not in browser_of(bob).get("/history/").text
    machine(bob)
    assert "trial’s clock" in browser_of(bob).get("/history/").text


def test_an_idle_stop_has_its_receipt(story, bob, browser_of):
    idle = timeline(bob)[2]
    assert idle.receipt.cpu == (0.4, 1.25, 0.5, 0.4, 0.6, 4.9)
    page = browser_of(bob).get(reverse("history")).text
    assert "Rule: CPU below 5% of all cores together for 30 minutes." in page
    assert "of one core" not in page, "an older receipt does not say it"
    assert "it was idle" in page
    assert "4.9%" in page


def test_what_is_under_way_is_told_too(story, bob):
    StatusChange.objects.create(
        instance=story, old="STOPPED", new="STARTING", reason="PERSON", by=bob, at=clock.now(), detail={}
    )
    assert (str(timeline(bob)[0].what), timeline(bob)[0].by) == ("Starting", bob)


def test_a_start_that_failed_says_why(story, bob):
    for old, new, reason in (("STOPPED", "STARTING", "PERSON"), ("STARTING", "STOPPED", "NO_CAPACITY")):
        StatusChange.objects.create(instance=story, old=old, new=new, reason=reason, at=clock.now(), detail={})
    event = timeline(bob)[0]
    assert (str(event.what), str(event.why)) == ("Could not be started", "AWS had no free server of this type")


def test_one_ended_while_it_ran_tells_how_long(story, bob, alice):
    at = clock.now()
    for minutes, old, new, reason in (
        (0, "STOPPED", "STARTING", "PERSON"),
        (1, "STARTING", "RUNNING", "DONE"),
        (11, "RUNNING", "TERMINATING", "ADMIN"),
        (12, "TERMINATING", "TERMINATED", "DONE"),
    ):
        by = alice if reason == "ADMIN" else bob
        StatusChange.objects.create(
            instance=story, old=old, new=new, reason=reason, by=by, at=at + timedelta(minutes=minutes), detail={}
        )
    ended, ending = timeline(bob)[:2]
    assert (str(ended.what), ended.by, ended.ran) == ("Deleted", alice, None)
    assert (str(ending.what), ending.ran) == ("Being deleted", timedelta(minutes=10))


def test_everybody_sees_their_own_only(story, bob, alice, browser_of):
    assert "by you" in browser_of(alice).get(reverse("admin_history", args=[bob.pk])).text
    assert "Nothing has happened yet." in browser_of(alice).get(reverse("history")).text
    assert browser_of(bob).get(reverse("admin_history", args=[alice.pk])).status_code == 403
    assert browser_of(alice).get(reverse("admin_history", args=[987654])).status_code == 404


def test_a_download_that_kept_it_on_is_told_in_one_line(story, bob, browser_of):
    began_at = clock.now() - timedelta(hours=23)
    WorkLease.objects.create(
        run=story.run, began_at=began_at, worked_until=began_at + timedelta(hours=4), signal="download", rate=2.1e6
    )
    page = " ".join(browser_of(bob).get(reverse("history")).text.split())
    assert "Not stopped: it was downloading (2.1 MB/s)" in page
    assert "<p>For 4 hours</p>" in page


def test_a_run_that_was_kept_awake_says_who_did_it_and_until_when(bob, browser_of):
    machine(bob)
    begun = clock.now()
    awake.keep_awake(bob, begun + timedelta(hours=2))
    awake.end_awake(bob)
    told = [(str(event.what), event.by, event.until) for event in timeline(bob)[:2]]
    assert told == [("Keep-awake ended", bob, None), ("Kept awake", bob, begun + timedelta(hours=2))]
    page = browser_of(bob).get(reverse("history")).text
    assert "Kept awake" in page
    assert "Keep-awake ended" in page


def test_a_keep_awake_that_ran_out_says_so_and_one_cut_short_by_a_stop_does_not(bob):
    row = machine(bob, minutes_ago=300)
    StatusChange.objects.update(at=clock.now() - timedelta(hours=6))
    now = clock.now()

    def keep(hours_ago, hours):
        at = now - timedelta(hours=hours_ago)
        details = {"machine": str(row.pk), "until": (at + timedelta(hours=hours)).isoformat()}
        Entry.objects.create(
            at=at, action=Action.MACHINE_AWAKE, outcome=Outcome.DONE, by_id=bob.pk, on_id=bob.pk, details=details
        )

    keep(5, 1)
    keep(3, 2)  # cut short by a stop
    StatusChange.objects.create(
        instance=row, old="RUNNING", new="STOPPING", reason="PERSON", by=bob, at=now - timedelta(hours=2), detail={}
    )
    told = [(str(event.what), event.at) for event in timeline(bob) if "wake" in str(event.what)]
    assert told == [
        ("Kept awake", now - timedelta(hours=3)),
        ("Keep-awake ended", now - timedelta(hours=4)),
        ("Kept awake", now - timedelta(hours=5)),
    ]


def test_a_warning_by_e_mail_says_which_stop_it_announced(bob, browser_of):
    row, stops_at = machine(bob), clock.now() + timedelta(minutes=15)
    StopWarning.objects.create(instance=row, launched_at=row.run.launched_at, stops_at=stops_at)
    assert (str(timeline(bob)[0].what), timeline(bob)[0].stops_at) == ("Warned by e-mail", stops_at)
    assert "stop expected from" in browser_of(bob).get(reverse("history")).text


def test_a_new_type_and_a_new_disk_of_one_wish_are_one_line(story, bob):
    begun = clock.now() - timedelta(hours=1)
    for minutes, gib in ((0, 30), (1, 50), (30, 60)):
        detail = {"instance_type": "t3.large", "volume_gb": gib}
        at = begun + timedelta(minutes=minutes)
        StatusChange.objects.create(
            instance=story, old="STOPPED", new="STOPPED", reason="RESIZED", at=at, detail=detail
        )
    assert [event.size for event in timeline(bob)[:3]] == ["t3.large, 60 GiB", "t3.large, 50 GiB", ""]


def test_a_receipt_says_how_many_values_aws_did_not_have(story, bob, browser_of):
    for change in StatusChange.objects.filter(reason="IDLE", new="STOPPING"):
        change.detail["cpu"] = [0.4, 1.25, 0.5, 0.4, 0.6]
        change.save()
    page = browser_of(bob).get(reverse("history")).text
    assert "AWS judged without 1 of 6 values, which it did not have." in page
