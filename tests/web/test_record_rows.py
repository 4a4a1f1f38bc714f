"""What a row of the record says, which acts have none, and what no row says."""

import json
import re

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from ondol.accounts import people
from ondol.accounts.models import Role, User
from ondol.audit.actions import Action
from ondol.audit.models import Entry
from ondol.config import config
from tests.web.browser import sign_in
from tests.web.conftest import person
from tests.web.record_desk import FROM, PASSWORD, A, C, World


def test_the_row_says_from_where_and_under_which_request_and_survives_the_account(db):
    world = World()
    answer = world.admins("admin_approve", world.carol.pk)
    row = Entry.objects.get(action=Action.APPROVE)
    assert (row.source, row.address, row.agent) == ("page", FROM, "Firefox/140 Linux")
    assert row.request_id == answer.headers["X-Request-ID"]
    pk = world.carol.pk
    world.carol.delete()
    row.refresh_from_db()
    assert (row.on_id, row.on_email) == (pk, "carol@example.org")


def test_who_approves_without_vouching_is_refused_with_a_row(db, monkeypatch):
    world = World()
    monkeypatch.setattr(config(), "cloud", "aws")
    world.admins("admin_approve", world.carol.pk)
    row = Entry.objects.get(action=Action.APPROVE)
    assert (row.code, row.by_email, row.on_email) == ("address_not_proven", A, C)


def test_no_secret_is_in_the_record(db):
    world = World()
    secrets = [PASSWORD, "a colder floor", world.program.headers["Authorization"].split()[1]]
    page = world.post("token_create", name="a", scopes="read", days=90).text
    secrets += re.findall(r"ondol_[\w-]{43}", page)
    secrets.append(world.post("machine_key").text.splitlines()[1])
    world.post("account_change_password", oldpassword=PASSWORD, password1="a colder floor", password2="a colder floor")
    Client().post("/accounts/login/", {"login": "my-password@once", "password": PASSWORD})
    secrets.append("my-password@once")
    assert len(secrets) == 6
    told = json.dumps(list(Entry.objects.values()), default=str)
    assert [secret for secret in secrets if secret in told] == []


def test_what_is_undone_has_no_row_and_what_is_refused_has_one(db):
    world = World()
    with pytest.raises(people.AccountError):
        people.suspend(world.ada.pk, world.ada)
    assert not Entry.objects.filter(action=Action.SUSPEND, outcome="done").exists()
    assert Entry.objects.get(action=Action.SUSPEND).code == "last_administrator"


def test_a_suspended_administrator_comes_back_as_a_member(db):
    world = World()
    eve = person("eve@example.org", role=Role.ADMIN)
    people.suspend(eve.pk, world.ada)
    people.approve(eve.pk, world.ada)
    eve.refresh_from_db()
    assert (eve.approval, eve.role) == ("APPROVED", "MEMBER")
    assert Entry.objects.filter(action=Action.ROLE, on_id=eve.pk, details__role="MEMBER").exists()


def test_what_is_denied_has_one_row_in_ten_minutes(db):
    world = World()
    cache.clear()
    for _ in range(3):
        for name in ("admin_people", "admin_fleet", "admin_activity"):
            assert world.browser.get(reverse(name)).status_code == 403
        for token in ("", "ondol_x", "wrong"):
            assert (
                Client().get("/api/instances/status", headers={"Authorization": f"Bearer {token}"}).status_code == 401
            )
    assert [(row.code, row.by_id) for row in Entry.objects.filter(action=Action.DENIED)] == [
        ("not_admin", world.bob.pk)
    ]
    assert Entry.objects.filter(action=Action.TOKEN_REFUSED).count() == 1


def test_an_administrator_hides_nothing_by_another_address(db):
    """What she did under an address of a minute is found under the one that she has now."""
    world = World()
    admin = Client()
    sign_in(admin, world.ada)
    now = world.ada.email
    for address in ("zoe@example.org", now):
        user = User.objects.get(pk=world.ada.pk)
        user.email = address
        user.save()
        if address != now:
            people.set_role(world.bob.pk, user, Role.ADMIN)
    table = admin.get(reverse("admin_activity_csv"), {"q": now, "kind": "person.role"}).text
    assert "zoe@example.org" in table
    assert table.splitlines()[1].endswith(f",{world.ada.pk},{world.bob.pk}")
    exported = Entry.objects.get(action=Action.EXPORT)
    assert (exported.by_id, exported.details["what"]) == (world.ada.pk, "activity")


def test_no_day_is_too_far_for_the_record_and_a_wrong_one_is_no_file(db):
    world = World()
    admin = Client()
    sign_in(admin, world.ada)
    for day in ("9999-12-31", "0001-01-01", "9000-01-01", "2026-13-01", "x", "2100-02-29", "-1", "１"):
        for field in ("since", "until"):
            for name, status in (("admin_activity", 200), ("admin_activity_csv", 400)):
                expected = 200 if day == "9000-01-01" else status
                assert admin.get(reverse(name), {field: day}).status_code == expected, (day, field, name)
