"""Every act leaves its row: who, what, on whom, from where and how it ended. A new route without one fails here."""

import pytest
from django.db import transaction
from django.test import Client
from django.urls import get_resolver

from ondol.api.scopes import SCOPES
from ondol.audit.actions import Action
from ondol.audit.models import Entry
from ondol.commands import main
from ondol.config import config
from ondol.instances.models import KeyOrigin
from tests.web.conftest import confirmed
from tests.web.record_desk import (
    LAPTOP,
    PASSWORD,
    A,
    B,
    C,
    World,
    add_range,
    announced,
    changed,
    chosen,
    ended,
    nothing_left,
    own_token,
    resting,
    two_admins,
)
from tests.web.test_step_up import SHOW, names, soon

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


BY_AWS = {"origin": KeyOrigin.AWS}
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
