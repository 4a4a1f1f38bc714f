"""A re-authentication in a browser: what somebody asked for goes on by itself."""

from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.instances.keys import PEM
from tests.web.browser import page_of
from tests.web.conftest import machine, person

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PASSWORD = "the floor is warm"


def test_bob_gets_his_key_and_a_token_after_his_password_without_another_click(site, browser):
    bob = person("bob@example.org")
    bob.set_password(PASSWORD)
    bob.save()
    machine(bob)
    with page_of(browser, site, bob.email, minutes_ago=11) as page:
        page.goto("/")
        page.locator(f"form[action='{reverse('machine_key')}'] button").first.click()
        page.get_by_label("Password").fill(PASSWORD)
        with page.expect_download() as download:
            page.get_by_role("button", name="Confirm").click()
        assert Path(download.value.path()).read_text() == PEM
        page.get_by_role("link", name="Back").click()
        assert page.url == f"{site}/"
    with page_of(browser, site, bob.email, minutes_ago=11) as page:
        page.goto(reverse("account"))
        page.get_by_label("What is it for?").fill("내 스크립트")
        page.get_by_role("button", name="Make a token").click()
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_role("heading", name="내 스크립트")).to_be_visible()
        assert page.url == site + reverse("token_create")
