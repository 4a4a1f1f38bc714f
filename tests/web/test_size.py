"""Choosing type and disk on the page: at the beginning, and later."""

import re

import pytest

from ondol.config import config
from ondol.instances.models import Instance, StatusChange
from ondol.instances.states import Reason, Status
from ondol.policy.models import Policy
from tests.web.conftest import machine


@pytest.fixture(autouse=True)
def three_types(monkeypatch):
    monkeypatch.setattr(config(), "instance_types", ("t3.large", "t3.medium"))


def radios(page):
    """Return the types on offer; the chosen one in stars."""
    found = re.findall(r'name="instance_type" value="([^"]+)"\s*(checked)?', page)
    return [f"*{name}*" if checked else name for name, checked in found]


def disk_on(page):
    found = re.search(r'name="volume_gib"[^>]*value="(\d+)" min="(\d+)" max="(\d+)"', page)
    return tuple(map(int, found.groups())) if found else None


def test_bob_chooses_from_cards_smallest_first_with_what_each_costs(bob, browser_of):
    browser = browser_of(bob)
    page = browser.get("/").text
    assert radios(page) == ["*t3.small*", "t3.medium", "t3.large"]
    assert disk_on(page) == (30, 30, 100)
    for words in ("2 vCPU, 8\xa0GiB memory", "$0.109 per running hour", "about $22.02 a month at 176 hours", "$0.091"):
        assert words in page
    browser.post("/machine/create/", {"instance_type": "t3.large", "volume_gib": "50"})
    row = Instance.objects.get(owner=bob)
    assert (row.instance_type, row.volume_gib) == ("t3.large", 50)


def test_of_two_types_of_the_same_size_the_cheaper_comes_first(bob, browser_of, monkeypatch):
    monkeypatch.setattr(config(), "instance_types", ("m5.large", "t3.large", "t3a.large", "c5.large"))
    assert radios(browser_of(bob).get("/").text) == ["*t3.small*", "c5.large", "t3a.large", "t3.large", "m5.large"]


@pytest.mark.parametrize("types", [("t3.small", "m99.large"), ("m99.large",)])
def test_a_type_newer_than_this_ondol_may_be_chosen_and_refers_to_awss_pages(bob, browser_of, monkeypatch, types):
    monkeypatch.setattr(config(), "instance_types", types)
    monkeypatch.setattr(config(), "instance_type", types[0])
    page = browser_of(bob).get("/").text
    assert "m99.large" in page
    assert page.count("Its vCPUs and memory are on AWS’s pages.") == 1


def test_who_may_have_one_type_and_one_size_of_disk_has_nothing_to_choose(bob, browser_of):
    Policy.objects.create(owner=bob, instance_types=["t3.medium"], volume_gib_max=30)
    page = browser_of(bob).get("/").text
    assert (radios(page), disk_on(page)) == ([], None)
    assert "t3.medium" in page
    assert "30\xa0GiB" in page


@pytest.mark.parametrize("wish", [{"instance_type": "m5.large"}, {"volume_gib": "1000"}, {"volume_gib": "many"}])
def test_what_bob_may_not_have_is_told_and_not_made(bob, browser_of, wish):
    page = browser_of(bob).post("/machine/create/", wish, follow=True).text
    assert "You may not" in page
    assert not Instance.objects.filter(owner=bob).exists()


def test_a_failed_attempt_is_tried_again_with_what_was_chosen(bob, browser_of):
    machine(bob, Status.FAILED, Reason.NO_CAPACITY)
    Instance.objects.update(instance_type="t3.large", volume_gib=40)
    page = browser_of(bob).get("/").text
    assert radios(page) == ["t3.small", "t3.medium", "*t3.large*"]
    assert disk_on(page) == (40, 30, 100)


def test_the_type_of_a_resting_machine_and_its_disk_may_be_changed(bob, browser_of):
    row = machine(bob, Status.STOPPED, volume_id="vol-1", seen_type="t3.small", seen_volume_gib=30)
    browser = browser_of(bob)
    assert radios(browser.get("/").text) == ["*t3.small*", "t3.medium", "t3.large"]
    page = browser.post("/machine/size/", {"instance_type": "t3.large", "volume_gib": "40"}, follow=True).text
    row.refresh_from_db()
    assert (row.instance_type, row.volume_gib) == ("t3.large", 40)
    assert "Being changed in AWS to t3.large, 40\xa0GiB." in page


def test_only_the_disk_of_what_runs_may_grow(bob, browser_of):
    row = machine(bob, Status.RUNNING)
    browser = browser_of(bob)
    page = browser.get("/").text
    assert (radios(page), disk_on(page)) == ([], (row.volume_gib, row.volume_gib, 100))
    assert "The type can be changed while the machine is stopped." in page
    told = browser.post("/machine/size/", {"instance_type": "t3.large"}, follow=True).text
    assert "Its type can be changed only while the machine is stopped. Stop it first." in told


def test_where_aws_has_no_room_a_button_starts_it_as_another_type(bob, browser_of):
    row = machine(bob, Status.STOPPED, Reason.NO_CAPACITY, error_code="InsufficientInstanceCapacity")
    browser = browser_of(bob)
    page = browser.get("/").text
    assert "Start it as t3.medium" in page
    browser.post("/machine/start/", {"instance_type": "t3.medium"})
    row.refresh_from_db()
    assert (row.status, row.instance_type) == (Status.STARTING, "t3.medium")


def test_polls_bring_what_aws_has_done(bob, browser_of):
    row = machine(bob, Status.STOPPED, volume_id="vol-1", seen_type="t3.small", seen_volume_gib=30)
    Instance.objects.update(volume_gib=40)
    browser = browser_of(bob)
    page = browser.get("/").text
    assert "every 2s" in page
    address = re.search(r'hx-get="([^"]+)"', page)[1].replace("&amp;", "&")
    assert browser.get(address).status_code == 204
    Instance.objects.filter(pk=row.pk).update(seen_volume_gib=40)
    news = browser.get(address).text
    assert "Being changed" not in news
    assert "every " not in news


@pytest.mark.parametrize(
    ("code", "wish", "words"),
    [
        ("VolumeModificationRateExceeded", {"volume_gb": 40}, "four times in 24 hours"),
        ("Unsupported", {"instance_type": "t3.large"}, "does not offer this machine the type t3.large"),
        ("VolumeSizeLimitExceeded", {"volume_gb": 40}, "has reached one of its limits"),
        ("UnauthorizedOperation", {"volume_gb": 40}, "a permission or a setting is missing"),
    ],
)
def test_a_refusal_says_why_what_is_kept_and_a_number(bob, browser_of, code, wish, words):
    row = machine(bob, Status.STOPPED)
    detail = {"code": code, "wish": wish, "reference": "7KQ4MX2P", "instance_type": "t3.small", "volume_gb": 30}
    StatusChange.objects.create(
        instance=row, old="STOPPED", new="STOPPED", reason="SIZE_REFUSED", detail=detail, at=row.status_since
    )
    page = browser_of(bob).get("/").text
    assert words in page
    assert "The machine is unchanged." in page
    assert "7KQ4MX2P" in page
    history = browser_of(bob).get("/history/").text
    assert "Size not changed" in history
