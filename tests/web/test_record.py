"""Every act leaves its row: who, what, on whom, from where and how it ended. A new route without one fails here."""

import json
import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import get_resolver, reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts import people, security_letters, tasks
from ondol.accounts.models import ApiToken, Role, User
from ondol.api.scopes import SCOPES
from ondol.audit.actions import Action
from ondol.audit.models import Entry
from ondol.autostop.policies import set_policy
from ondol.commands import main
from ondol.config import config
from ondol.instances.lifecycle import Status
from ondol.instances.models import ChosenKey, Instance, KeyOrigin
from ondol.policy.catalog import stored_fields
from ondol.policy.models import Policy, PolicyChange
from tests.api.caller import Program
from tests.instances.rig import made
from tests.web.browser import sign_in
from tests.web.conftest import confirmed, keep, person
from tests.web.test_step_up import SHOW, names, soon

PASSWORD = "the floor is warm"
FROM = "203.0.113.9"

ROUTES = {
    Action.SIGN_IN: "account_login account_reauthenticate mfa_reauthenticate mfa_reauthenticate_webauthn",
    Action.SIGN_OUT: "account_logout",
    Action.SIGN_OUT_EVERYWHERE: "usersessions_list",
    Action.SIGN_UP: "account_signup socialaccount_signup",
    Action.DETAILS: "account language",
    Action.PASSWORD: "account_change_password account_set_password account_reset_password_from_key",
    Action.EMAIL_WISH: "account_email",
    Action.EMAIL_PROVEN: "account_confirm_email",
    Action.EMAIL_BACK: "old_address",
    Action.FACTOR_ADD: "mfa_activate_totp mfa_add_webauthn mfa_generate_recovery_codes",
    Action.FACTOR_REMOVE: "mfa_deactivate_totp mfa_remove_webauthn",
    Action.PROVIDER_REMOVE: "socialaccount_connections",
    Action.SSH_ADD: "ssh_address_add",
    Action.SSH_REMOVE: "ssh_address_remove",
    Action.KEY_READ: "machine_key",
    Action.KEY_CHOOSE: "key_choice",
    Action.KEY_REPLACE: "key_replace",
    Action.TOKEN_MAKE: "token_create",
    Action.TOKEN_REVOKE: "token_revoke",
    Action.APPROVE: "admin_approve admin_decide",
    Action.REJECT: "admin_reject",
    Action.SUSPEND: "admin_suspend",
    Action.ROLE: "admin_role",
    Action.MESSAGE: "admin_message",
    Action.POLICY: "admin_policy admin_policy_person admin_policy_undo",
    Action.INVITE: "admin_invite_send admin_invite_again",
    Action.ANNOUNCE: "admin_announcement",
    Action.ANNOUNCE_END: "admin_announcement_end",
    Action.BUDGET: "admin_costs_budget admin_costs_person_budget",
    Action.RATE: "admin_costs_rate",
    Action.MACHINE_CREATE: "machine_create admin_fleet_create",
    Action.MACHINE_START: "machine_start",
    Action.MACHINE_STOP: "machine_stop admin_stop admin_fleet_act",
    Action.MACHINE_TERMINATE: "admin_terminate",
    Action.MACHINE_SIZE: "machine_size",
    Action.MACHINE_AWAKE: "machine_awake machine_keep_awake_end awake_link",
    Action.MACHINE_HOURS: "machine_not_tonight machine_closing_restore",
    Action.MAIL_AGAIN: "admin_email_again",
    Action.MAIL_DROP: "admin_email_drop",
}
"""The pages that change something, with the row that they leave."""
WITHOUT = {
    "announcement_dismiss": "hides a notice",
    "admin_doctor_again": "asks for a check-up, which changes nothing",
    "machine_address_told": "hides a notice",
    "mfa_edit_webauthn": "the name of a passkey",
    "step_up_providers": "shows where to go",
}
OPERATIONS = {
    "POST /api/instances": Action.MACHINE_CREATE,
    "POST /api/instances/size": Action.MACHINE_SIZE,
    "POST /api/instances/start": Action.MACHINE_START,
    "POST /api/instances/stop": Action.MACHINE_STOP,
    "POST /api/instances/keep-awake": Action.MACHINE_AWAKE,
    "POST /api/instances/ssh-key": Action.KEY_READ,
    "POST /api/instances/ssh-key/replacement": Action.KEY_REPLACE,
    "POST /api/instances/ssh-addresses": Action.SSH_ADD,
    "DELETE /api/instances/ssh-addresses/{number}": Action.SSH_REMOVE,
    "POST /api/admin/users/{user_id}/approve": Action.APPROVE,
    "POST /api/admin/users/{user_id}/reject": Action.REJECT,
    "POST /api/admin/users/{user_id}/suspend": Action.SUSPEND,
    "DELETE /api/admin/users/{user_id}/instance": Action.MACHINE_TERMINATE,
}
SHOWS = set(SHOW.split()) - {name for told in ROUTES.values() for name in told.split()}


def test_every_route_that_changes_something_says_which_row_it_leaves():
    told = {name for named in ROUTES.values() for name in named.split()} | set(WITHOUT)
    assert set(names(get_resolver().url_patterns)) - SHOWS == told
    assert {operation for operation in SCOPES if not operation.startswith("GET ")} == set(OPERATIONS)


class World:
    """Ada, who administrates, and Bob with a machine, each with a browser and a program."""

    def __init__(self, status=Status.RUNNING):
        cache.clear()
        self.ada, self.bob = person("ada@example.org", role="ADMIN"), person("bob@example.org")
        self.carol = person("carol@example.org", "PENDING")
        for user in (self.ada, self.bob):
            user.set_password(PASSWORD)
            user.save()
            EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
        self.machine = made(self.bob, status=status, instance_id="i-0123456789abcdef0", root_device="/dev/sda1")
        keep(self.machine)
        self.desk, self.browser = self._browser(self.ada), self._browser(self.bob)
        self.admin, self.program = Program(self.ada), Program(self.bob)

    def _browser(self, user):
        browser = Client(REMOTE_ADDR=FROM, headers={"User-Agent": "Firefox/140 Linux\x07"})
        sign_in(browser, user)
        return browser

    def post(self, page, /, *args, **fields):
        return self.browser.post(reverse(page, args=args), fields)

    def admins(self, page, /, *args, **fields):
        return self.desk.post(reverse(page, args=args), fields)


def own_token(world):
    return ApiToken.objects.get(user=world.bob).pk


def add_range(world):
    world.post("ssh_address_add", cidr="203.0.113.7", label="home")
    return world.bob.ssh_addresses.get().pk


def ended(world):
    """Bob's machine is history."""
    Instance.objects.update(status=Status.TERMINATED)
    return world


def announced(world):
    """An announcement is shown."""
    world.admins("admin_announcement", text_en="Hi", kind="WARNING", until=soon())
    return world


def chosen(world):
    """Bob's next machine has a key of his own."""
    ChosenKey.objects.create(owner=world.bob, origin=KeyOrigin.OWN, public_key=LAPTOP[:80])
    return world


def resting(world):
    """Bob's machine is stopped."""
    Instance.objects.update(status=Status.STOPPED)
    return world


def two_admins(world):
    """Bob administrates, too."""
    User.objects.filter(pk=world.bob.pk).update(role="ADMIN")
    return world


def nothing_left(world):
    """Bob may start, make and change nothing more today; a machine that he has rests."""
    Policy.objects.create(owner=world.bob, starts_a_day=0, creations_a_day=0, type_changes_a_day=0)
    Instance.objects.exclude(status=Status.TERMINATED).update(status=Status.STOPPED)
    return world


def changed(world, times=1):
    """Return the first change of Bob's rules, which have been changed so many times."""
    for minutes in range(60, 60 + 5 * times, 5):
        values = dict.fromkeys(stored_fields()) | {"weekends": True, "zone": "", "why": "", "idle_minutes": minutes}
        set_policy(world.bob, world.ada, values)
    return PolicyChange.objects.filter(owner=world.bob).earliest("pk").pk


LAPTOP = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDdX5g0yJ1o2uR1f0Qk8pQeK0m2l7v1s9m1t3u5w7x9y bob@laptop"
BY_AWS = {"origin": KeyOrigin.AWS}
B, A, C = "bob@example.org", "ada@example.org", "carol@example.org"
ACTS = [
    # what is done, the row's action, outcome or code, who, on whom
    (lambda w: w.post("account", name="Robert", affiliation="K", language="en"), Action.DETAILS, "done", B, B),
    (lambda w: w.post("language", language="en"), Action.DETAILS, "done", B, B),
    (lambda w: w.post("account_email", email="new@example.org", action_add=""), Action.EMAIL_WISH, "done", B, B),
    (
        lambda w: w.post(
            "account_change_password", oldpassword=PASSWORD, password1="a colder floor", password2="a colder floor"
        ),
        *(Action.PASSWORD, "done", B, B),
    ),
    (lambda w: w.post("usersessions_list"), Action.SIGN_OUT_EVERYWHERE, "done", B, B),
    (lambda w: w.post("account_logout"), Action.SIGN_OUT, "done", B, B),
    (lambda w: add_range(w), Action.SSH_ADD, "done", B, B),
    (lambda w: w.post("ssh_address_add", cidr="203.0.0.0/8"), Action.SSH_ADD, "too_wide", B, B),
    (lambda w: w.post("ssh_address_remove", add_range(w)), Action.SSH_REMOVE, "done", B, B),
    (lambda w: w.post("machine_key"), Action.KEY_READ, "done", B, B),
    (lambda w: w.program.call("POST", "/instances/ssh-key"), Action.KEY_READ, "done", B, B),
    (lambda w: w.post("key_choice", public_key=LAPTOP), Action.KEY_CHOOSE, "done", B, B),
    (lambda w: chosen(w).post("key_choice", **BY_AWS), Action.KEY_CHOOSE, "done", B, B),
    (lambda w: w.post("key_choice", public_key=LAPTOP[:60]), Action.KEY_CHOOSE, "public_key_damaged", B, B),
    (lambda w: w.post("key_replace", public_key=LAPTOP), Action.KEY_REPLACE, "done", B, B),
    (lambda w: w.post("key_replace", **BY_AWS), Action.KEY_REPLACE, "done", B, B),
    (lambda w: w.program.call("POST", "/instances/ssh-key/replacement"), Action.KEY_REPLACE, "done", B, B),
    (lambda w: ended(w).post("key_replace", **BY_AWS), Action.KEY_REPLACE, "no_machine", B, B),
    (lambda w: w.program.call("GET", "/instances/status"), Action.TOKEN_USE, "done", B, B),
    (lambda w: w.post("token_create", name="a", scopes="read", days=90), Action.TOKEN_MAKE, "done", B, B),
    (lambda w: w.post("token_revoke", own_token(w)), Action.TOKEN_REVOKE, "done", B, B),
    (lambda w: w.post("machine_stop"), Action.MACHINE_STOP, "done", B, B),
    (lambda w: w.post("machine_create"), Action.MACHINE_CREATE, "already_there", B, B),
    (lambda w: w.post("machine_size", instance_type="t3.medium"), Action.MACHINE_SIZE, "not_stopped", B, B),
    (lambda w: w.post("machine_size", volume_gib="40"), Action.MACHINE_SIZE, "done", B, B),
    (lambda w: nothing_left(w).post("machine_start"), Action.MACHINE_START, "too_many_starts", B, B),
    (
        lambda w: nothing_left(w).post("machine_size", instance_type="t3.medium"),
        Action.MACHINE_SIZE,
        "too_many_type_changes",
        B,
        B,
    ),
    (lambda w: nothing_left(ended(w)).post("machine_create"), Action.MACHINE_CREATE, "too_many_creations", B, B),
    (lambda w: w.post("machine_awake", until="1h"), Action.MACHINE_AWAKE, "done", B, B),
    (lambda w: w.post("machine_awake", until="never"), Action.MACHINE_AWAKE, "not_offered", B, B),
    (lambda w: w.post("machine_not_tonight"), Action.MACHINE_HOURS, "no_hours", B, B),
    (lambda w: w.post("machine_closing_restore"), Action.MACHINE_HOURS, "done", B, B),
    (lambda w: w.admins("admin_approve", w.carol.pk), Action.APPROVE, "done", A, C),
    (lambda w: w.admins("admin_approve", w.carol.pk, vouches="on"), Action.VOUCH, "done", A, C),
    (lambda w: w.admins("admin_reject", w.carol.pk, reason="no"), Action.REJECT, "done", A, C),
    (lambda w: w.admins("admin_reject", w.bob.pk, reason="no"), Action.REJECT, "not_waiting", A, B),
    (lambda w: w.admins("admin_suspend", w.bob.pk), Action.SUSPEND, "done", A, B),
    (lambda w: w.admins("admin_suspend", w.bob.pk), Action.MACHINE_STOP, "done", A, B),
    (lambda w: w.admins("admin_suspend", w.ada.pk), Action.SUSPEND, "last_administrator", A, A),
    (lambda w: w.admins("admin_role", w.bob.pk, role="ADMIN"), Action.ROLE, "done", A, B),
    (lambda w: w.admins("admin_role", w.carol.pk, role="ADMIN"), Action.ROLE, "not_approved", A, C),
    (lambda w: w.admins("admin_stop", **confirmed(w.bob)), Action.MACHINE_STOP, "done", A, B),
    (lambda w: w.admins("admin_fleet_act", act="awake", hours=1, people=w.bob.pk), Action.MACHINE_AWAKE, "done", A, B),
    (lambda w: resting(w).admins("admin_fleet_act", act="start", people=w.bob.pk), Action.MACHINE_START, "done", A, B),
    (
        lambda w: nothing_left(w).admins("admin_fleet_act", act="start", people=w.bob.pk),
        *(Action.MACHINE_START, "too_many_starts", A, B),
    ),
    (lambda w: ended(w).admins("admin_fleet_create", email=B), Action.MACHINE_CREATE, "done", A, B),
    (lambda w: w.admins("admin_fleet_create", email=B), Action.MACHINE_CREATE, "already_there", A, B),
    (lambda w: w.admins("admin_fleet_create", email=C), Action.MACHINE_CREATE, "not_approved", A, C),
    (lambda w: w.admins("admin_decide", decision="approve", people=w.carol.pk), Action.APPROVE, "done", A, C),
    (lambda w: w.admins("admin_decide", decision="suspend", people=w.bob.pk), Action.SUSPEND, "done", A, B),
    (
        lambda w: two_admins(w).admins("admin_decide", decision="suspend", people=w.ada.pk),
        Action.SUSPEND,
        "oneself",
        A,
        A,
    ),
    (
        lambda w: w.admins("admin_decide", decision="reject", people=w.ada.pk, reason="x"),
        Action.REJECT,
        "not_waiting",
        A,
        A,
    ),
    (
        lambda w: w.admins("admin_invite_send", rows='[[1, "dan@example.org", "Dan", "", ""]]'),
        *(Action.INVITE, "done", A, "dan@example.org"),
    ),
    (lambda w: w.admins("admin_invite_again", people=w.bob.pk), Action.INVITE, "not_invited", A, B),
    (
        lambda w: w.admins("admin_message", people=w.bob.pk, subject="Hi", text="On Friday"),
        Action.MESSAGE,
        "done",
        A,
        B,
    ),
    (
        lambda w: w.admins("admin_message", people=10**9, subject="Hi", text="x"),
        Action.MESSAGE,
        "no_such_person",
        A,
        "",
    ),
    (
        lambda w: w.admins("admin_announcement", text_en="Hi", kind="WARNING", until=soon()),
        Action.ANNOUNCE,
        "done",
        A,
        "",
    ),
    (lambda w: announced(w).admins("admin_announcement_end"), Action.ANNOUNCE_END, "done", A, ""),
    (lambda w: w.admins("admin_terminate", w.bob.pk, email=B), Action.MACHINE_TERMINATE, "done", A, B),
    (lambda w: w.admins("admin_policy", idle_minutes=60), Action.POLICY, "done", A, ""),
    (lambda w: w.admins("admin_policy_person", w.bob.pk, idle_minutes=60), Action.POLICY, "done", A, B),
    (lambda w: w.admins("admin_policy_undo", changed(w)), Action.POLICY, "done", A, B),
    (lambda w: w.admins("admin_policy_undo", changed(w, 2)), Action.POLICY, "rules_changed", A, B),
    (lambda w: w.admins("admin_costs_budget", usd=10), Action.BUDGET, "done", A, ""),
    (lambda w: w.admins("admin_costs_person_budget", w.bob.pk, usd=10), Action.BUDGET, "done", A, B),
    (lambda w: w.admins("admin_costs_rate", krw=1400, as_of="2020-01-01"), Action.RATE, "done", A, ""),
    (lambda w: w.admin.call("DELETE", f"/admin/users/{w.bob.pk}/instance"), Action.MACHINE_TERMINATE, "done", A, B),
    (lambda w: Client().post("/accounts/login/", {"login": B, "password": PASSWORD}), Action.SIGN_IN, "done", B, B),
    (lambda w: Client().post("/accounts/login/", {"login": B, "password": "no"}), Action.SIGN_IN, "password", "", B),
    (
        lambda w: Client().post("/accounts/login/", {"login": "x@y.zz", "password": "n"}),
        Action.SIGN_IN,
        "password",
        "",
        "",
    ),
    (lambda w: w.post("account_reauthenticate", password=PASSWORD), Action.CONFIRM, "done", B, B),
    (lambda w: w.post("account_reauthenticate", password="no"), Action.CONFIRM, "password", B, B),
    (lambda w: main(["user", "add", "dan@example.org"]), Action.ADD, "done", "", "dan@example.org"),
    (lambda w: main(["user", "suspend", B]), Action.SUSPEND, "done", "", B),
    (lambda w: main(["user", "role", A, "member"]), Action.ROLE, "last_administrator", "", A),
    (lambda w: main(["token", "create", B]), Action.TOKEN_MAKE, "done", "", B),
    (lambda w: main(["vault", "rotate"]), Action.VAULT, "done", "", ""),
    (lambda w: main(["keys", "accept"]), Action.KEYS, "done", "", ""),
]


def row_of(act):
    """Do it in a world of its own; return what its row says, or what was written instead."""
    do, action, *_told = act
    world = World()
    before = max(Entry.objects.values_list("pk", flat=True))
    do(world)
    written = Entry.objects.filter(pk__gt=before).order_by("pk")
    row = written.filter(action=action).last()
    if row is None:
        return list(written.values("action", "code"))
    assert (row.outcome == "done") == (row.code == "")
    assert row.source == "command" or (row.request_id and row.address)
    return [row.code or row.outcome, row.by_email, row.on_email]


@pytest.fixture(autouse=True)
def _keys_are_replaced(monkeypatch):
    monkeypatch.setattr(config(), "worker_ssh_cidr", "192.0.2.0/28")


@pytest.mark.enable_socket
def test_every_act_leaves_its_row(db, record_property):
    wrong = []
    for number, act in enumerate(ACTS):
        with transaction.atomic():
            found = row_of(act)
            transaction.set_rollback(True)
        if found != list(act[2:]):
            wrong.append((number, act[1], found))
    assert not wrong, "\n".join(map(str, wrong))
    record_property("told", f"the record: {len(ACTS)} acts by pages, programs and commands, each with its row")


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
    """Nobody finds out by looking, and no administrator is removed without the others' hearing of it."""
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
