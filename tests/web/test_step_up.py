"""What a stolen session must not do needs a sign-in of the last ten minutes; afterwards it goes on by itself."""

import json
import re
import time
from datetime import timedelta
from html import unescape

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import timezone

from ondol import clock
from ondol.accounts.models import ApiToken, Approval, SshAddress, User
from ondol.announcements.models import Announcement
from ondol.api.scopes import NEED_RECENT_SIGN_IN, SCOPES
from ondol.audit.models import Entry
from ondol.costs.models import Budget
from ondol.instances.models import ChosenKey, KeyReplacement
from ondol.instances.states import Status
from ondol.policy.models import Policy, PolicyChange
from ondol.web.step_up.pages import KEPT, NEEDS_RECENT_SIGN_IN, TYPED_AGAIN
from tests.instances.keys import PEM
from tests.signed_in import session_of
from tests.web.browser import sign_in
from tests.web.conftest import confirmed, machine, person

PASSWORD = "the floor is warm"
HER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
# They only show, or they are for people who have not signed in.
SHOW = """
account_confirm_email account_confirm_login_code account_email_verification_sent account_inactive account_login
account_reset_password account_reset_password_done account_reset_password_from_key account_signup
account_reset_password_from_key_done admin_activity admin_costs admin_costs_csv admin_costs_person admin_doctor
admin_activity_csv admin_find admin_month admin_overview admin_people_csv landing my_activity
admin_fleet admin_history admin_people admin_person awake_link costs dashboard help history machine machine_cpu
old_address invitation admin_invite
mfa_authenticate mfa_download_recovery_codes mfa_index mfa_list_webauthn mfa_login_webauthn step_up_go_on
mfa_view_recovery_codes socialaccount_login_cancelled socialaccount_login_error socialaccount_signup
"""
# They ask who somebody is themselves.
ASK = """
account_change_password account_reauthenticate mfa_reauthenticate mfa_reauthenticate_webauthn step_up_providers
"""
# They take something away from whoever has the session, or everyday work needs them.
EVERYDAY = """
account account_logout announcement_dismiss admin_doctor_again admin_email_again language machine_address_told
machine_awake machine_closing_restore machine_create machine_keep_awake_end machine_not_tonight machine_size
machine_start machine_stop mfa_edit_webauthn ssh_address_remove token_revoke usersessions_list
"""
WITHOUT = set((SHOW + ASK + EVERYDAY).split())
"""The pages where a session alone is enough."""


def names(patterns):
    for one in patterns:
        if getattr(one, "namespace", "") != "api":
            yield from names(one.url_patterns) if hasattr(one, "url_patterns") else filter(None, [one.name])


def test_every_page_says_whether_it_needs_a_recent_sign_in():
    assert set(names(get_resolver().url_patterns)) == KEPT | TYPED_AGAIN | WITHOUT
    assert not WITHOUT & NEEDS_RECENT_SIGN_IN
    assert set(SCOPES) > NEED_RECENT_SIGN_IN


def soon():
    return f"{timezone.localtime(clock.now() + timedelta(days=2)):%Y-%m-%dT%H:%M}"


@pytest.fixture
def acts(alice, bob, carol):
    """Return, for each page that needs a recent sign-in, its address and a form that would do something."""
    alice.set_password(PASSWORD)
    alice.save()
    machine(alice)
    machine(bob)
    erin, dan = person("erin@example.org"), person("dan@example.org", Approval.PENDING)
    Policy.objects.create(owner=erin, idle_minutes=90)
    change = PolicyChange.objects.create(owner=erin, what={"idle_minutes": [60, 90]}, by=alice)
    return {
        "account_email": ((), {"email": "alice@elsewhere.example", "action_add": ""}),
        "account_set_password": ((), {"password1": "hunter2 hunter2", "password2": "hunter2 hunter2"}),
        "admin_announcement": ((), {"text_ko": "공지", "kind": "WARNING", "until": soon()}),
        "admin_announcement_end": ((), {}),
        "admin_approve": ((carol.pk,), {}),
        "admin_costs_budget": ((), {"usd": "9999"}),
        "admin_costs_person_budget": ((bob.pk,), {"usd": "9999"}),
        "admin_decide": ((), {"people": [carol.pk], "decision": "approve"}),
        "admin_invite_again": ((), {"people": [carol.pk]}),
        "admin_invite_send": ((), {"rows": '[[1, "frank@example.org", "Frank", "", ""]]'}),
        "admin_message": ((), {"people": [carol.pk], "subject": "Hello", "text": "From somebody else"}),
        "admin_policy": ((), {"idle_minutes": "45", "why": "한 줄\n두 줄 & <b>"}),
        "admin_policy_person": ((bob.pk,), {"idle_minutes": "45"}),
        "admin_policy_undo": ((change.pk,), {}),
        "admin_costs_rate": ((), {"krw": "9999", "as_of": "2026-01-05"}),
        "admin_email_drop": ((999,), {}),
        "admin_fleet_act": ((), {"stop": str(alice.pk)}),
        "admin_fleet_create": ((), {"email": erin.email}),
        "admin_reject": ((dan.pk,), {"reason": "no"}),
        "admin_stop": ((), confirmed(bob)),
        "admin_suspend": ((erin.pk,), {}),
        "admin_role": ((bob.pk,), {"role": "ADMIN"}),
        "admin_terminate": ((bob.pk,), {"email": bob.email}),
        "key_choice": ((), {"origin": "own", "public_key": HER_KEY}),
        "key_replace": ((), {"origin": "own", "public_key": HER_KEY}),
        "machine_key": ((), {"form": "ppk"}),
        "mfa_activate_totp": ((), {"code": "123456"}),
        "mfa_add_webauthn": ((), {"name": "key", "credential": "{}"}),
        "mfa_deactivate_totp": ((), {}),
        "mfa_generate_recovery_codes": ((), {}),
        "mfa_remove_webauthn": ((1,), {}),
        "socialaccount_connections": ((), {"account": "1"}),
        "ssh_address_add": ((), {"cidr": "203.0.113.7", "label": "기숙사 & <b>"}),
        "token_create": ((), {"name": "my script", "scopes": ["read", "machine"], "days": "7"}),
    }


def everything():
    """Return all that these acts could change, and what is in sessions."""
    kept = [
        *User.objects.order_by("pk").values_list("approval", "role", "email", "password"),
        *Policy.objects.values_list("pk", "idle_minutes"),
        *Announcement.objects.values_list("text_ko"),
        *Budget.objects.values_list("owner", "usd"),
        *EmailAddress.objects.values_list("email"),
        *ApiToken.objects.values_list("name"),
        *SshAddress.objects.values_list("cidr", "label"),
        *ChosenKey.objects.values_list("public_key"),
        *KeyReplacement.objects.values_list("public_key", "state"),
        *Authenticator.objects.values_list("type"),
        *User.objects.filter(instances__status=Status.RUNNING).values_list("email"),
        *Entry.objects.filter(action="person.message").values_list("on_email"),
    ]
    return sorted(map(str, kept))


def stolen(user, minutes_ago=11):
    """Return a browser with a session whose sign-in was so long ago."""
    browser = Client()
    sign_in(browser, user, minutes_ago)
    User.objects.filter(pk=user.pk).update(language="en")
    return browser


def test_a_session_alone_does_none_of_it(acts, alice):
    assert set(acts) == NEEDS_RECENT_SIGN_IN
    before = everything()
    for name, (words, form) in acts.items():
        cache.clear()  # allauth shows these pages ten times a minute
        browser = stolen(alice)
        answer = browser.post(reverse(name, args=words), form)
        assert answer.status_code == 302, name
        assert answer.url.startswith("/accounts/reauthenticate/?next="), name
        assert b"BEGIN" not in answer.content
        page = browser.get(answer.url).text
        assert "Confirm that it is you" in page
        assert everything() == before, name
        wrong = browser.post(answer.url, {"password": "guessed"})
        assert wrong.status_code == 200
        assert browser.get(reverse("step_up_go_on")).status_code == 302, name
        assert everything() == before, name


def confirm(browser, answer, **form):
    """Send the form of the page that an answer leads to; return where the browser is then."""
    path, _, query = answer.url.partition("?")
    return browser.post(path, {"next": unescape(re.search(r"next=(.*)", query)[1].replace("%2F", "/")), **form})


def go_on(browser):
    """Do what the page that goes on does by itself; return the answer."""
    page = browser.get(reverse("step_up_go_on"))
    assert page.status_code == 200
    form = page.context["page"].form
    fields = {}
    for name, value in form.fields:
        assert f'name="{name}"' in page.text
        fields.setdefault(name, []).append(value)
    assert f'action="{form.path}"' in page.text
    return browser.post(form.path, fields)


def test_after_the_password_each_of_them_goes_on_with_what_was_typed(acts, alice, bob, carol):
    done = 0
    for name in sorted(KEPT):
        cache.clear()  # allauth shows these pages ten times a minute
        words, form = acts[name]
        browser = stolen(alice)
        back = confirm(browser, browser.post(reverse(name, args=words), form), password=PASSWORD)
        assert back.url == reverse("step_up_go_on"), name
        answer = go_on(browser)
        assert "reauthenticate" not in answer.headers.get("Location", ""), name
        assert browser.get(reverse("step_up_go_on")).url == "/", "it goes on once"
        done += answer.status_code in {200, 302}
    assert done == len(KEPT) > 8
    carol.refresh_from_db()
    bob.refresh_from_db()
    assert carol.is_approved
    assert bob.is_admin
    assert Policy.objects.get(owner=None).why == "한 줄\r\n두 줄 & <b>".replace("\r\n", "\n")
    assert EmailAddress.objects.filter(email="alice@elsewhere.example").exists()
    assert ApiToken.objects.get().scopes == ["read", "machine"]
    assert bob.instances.get().status == Status.TERMINATING


def test_the_key_comes_in_one_flow(alice, acts):
    browser = stolen(alice)
    answer = browser.post(reverse("machine_key"), {"form": "pem"}, headers={"Referer": "http://testserver/help/?x=1"})
    confirm(browser, answer, password=PASSWORD)
    page = browser.get(reverse("step_up_go_on")).text
    assert "Your key is being downloaded" in page
    assert 'href="/help/"' in page
    assert "no-store" in browser.get(reverse("step_up_go_on")).headers["Cache-Control"]
    file = go_on(browser)
    assert file.content.decode() == PEM
    assert "attachment" in file.headers["Content-Disposition"]


def copied(browser):
    """Return another browser with a copy of the session's cookie."""
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = browser.cookies[settings.SESSION_COOKIE_NAME].value
    return thief


def by_password(browser, alice):
    confirm(browser, browser.post(reverse("machine_key"), {"form": "pem"}), password=PASSWORD)


def by_app(browser, alice):
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    code = format_hotp_value(hotp_value("JBSWY3DPEHPK3PXP", next(iter(yield_hotp_counters_from_time()))))
    assert browser.post(reverse("mfa_reauthenticate"), {"code": code}).status_code == 302


def by_signing_out_elsewhere(browser, alice):
    assert browser.post(reverse("usersessions_list")).status_code == 302


def by_a_new_password(browser, alice):
    by_password(browser, alice)
    form = {"oldpassword": PASSWORD, "password1": "a colder floor", "password2": "a colder floor"}
    assert browser.post(reverse("account_change_password"), form).status_code == 302


@pytest.mark.parametrize("shows", [by_password, by_app, by_signing_out_elsewhere, by_a_new_password])
def test_a_copy_of_the_cookie_is_worth_nothing_once_its_owner_has_shown_who_they_are(alice, acts, shows):
    """Otherwise a thief who waits gets whatever a recent sign-in gets."""
    browser = stolen(alice)
    thief = copied(browser)
    assert thief.get(reverse("account")).status_code == 200
    shows(browser, alice)
    assert thief.get(reverse("account")).url.startswith("/accounts/login/")
    assert browser.get(reverse("account")).status_code == 200
    listed = UserSession.objects.purge_and_list(alice)
    assert [shown.session_key for shown in listed] == [session_of(browser).session_key]


def test_a_form_goes_on_in_the_browser_alone_that_has_sent_it(acts, alice):
    for name in sorted(KEPT - {"machine_key"}):
        cache.clear()
        words, form = acts[name]
        browser = stolen(alice)
        copied(browser).post(reverse(name, args=words), form)  # somebody with a stolen cookie leaves a form
        assert browser.get(reverse("step_up_go_on")).url == "/", name
        before = everything()
        confirm(browser, browser.post(reverse("machine_key"), {"form": "pem"}), password=PASSWORD)
        assert browser.get(reverse("step_up_go_on")).context["page"].form.name == "machine_key", name
        assert everything() == before, name


def test_a_form_waits_half_an_hour(acts, alice):
    browser = stolen(alice)
    confirm(browser, browser.post(reverse("machine_key"), {"form": "pem"}), password=PASSWORD)
    session = session_of(browser)
    kept = session["ondol_suspended"]
    session["ondol_suspended"] = kept | {"at": kept["at"] - 1801}
    session.save()
    assert browser.get(reverse("step_up_go_on")).url == "/"


@pytest.mark.parametrize("page", ["https://evil.example/x", "javascript:alert(1)", "//evil.example", "", "\x00"])
def test_the_way_back_is_never_elsewhere(alice, acts, page):
    browser = stolen(alice)
    confirm(browser, browser.post(reverse("machine_key"), headers={"Referer": page}), password=PASSWORD)
    assert re.search(r'<a class="button plain" href="/">Back', browser.get(reverse("step_up_go_on")).text)


def test_a_form_with_a_secret_is_typed_again(alice, acts):
    """A session is in the database, and in each copy of it."""
    for name in sorted(TYPED_AGAIN):
        words, form = acts[name]
        browser = stolen(alice)
        back = confirm(browser, browser.post(reverse(name, args=words), form), password=PASSWORD)
        assert back.url == reverse(name, args=words)
        assert browser.get(reverse("step_up_go_on")).url == "/"


def test_nothing_that_opens_a_door_waits_in_a_session(acts, alice):
    for name, (words, form) in acts.items():
        browser = stolen(alice)
        cookie = sign_in(browser, alice, minutes_ago=60)
        browser.post(reverse(name, args=words), form)
        kept = str(dict(session_of(browser).items()))
        assert cookie not in kept
        assert "csrf" not in kept
        assert "hunter2" not in kept
        assert all(cookie not in str(row.get_decoded()) for row in Session.objects.all())


@pytest.mark.parametrize(
    ("minutes", "is_asked"), [(0, False), (9.9, False), (10.1, True), (60 * 24 * 13, True), (-60, True)]
)
def test_ten_minutes_count_from_any_sign_in(acts, alice, minutes, is_asked):
    answer = stolen(alice, minutes).post(reverse("machine_key"))
    assert (answer.status_code == 302) == is_asked


def test_a_session_ends_two_weeks_after_the_sign_in_whatever_happens_in_it(acts, alice):
    for days, goes_on in ((0, True), (13.9, True), (14.1, False), (400, False)):
        browser = stolen(alice, days * 1440)
        browser.post(reverse("machine_key"))  # asks to confirm, and changes the session
        answer = browser.get(reverse("account"))
        assert (answer.status_code == 200) is goes_on, days
        assert goes_on or answer.url.startswith("/accounts/login/")


def test_a_sign_up_and_each_way_to_sign_in_count_as_one(db, settings):
    """Nobody is asked for a password that they have just chosen."""
    browser = Client()
    chosen = {"name": "Mina", "email": "mina@example.org", "password1": PASSWORD, "affiliation": "A", "purpose": "B"}
    browser.post(reverse("account_signup"), chosen)
    User.objects.update(approval="APPROVED")
    machine(User.objects.get())
    assert browser.post(reverse("machine_key")).content.decode() == PEM
    browser = Client()
    browser.post(reverse("account_login"), {"login": "mina@example.org", "password": PASSWORD})
    assert browser.post(reverse("machine_key")).content.decode() == PEM


def test_a_session_of_before_the_upgrade_is_asked(acts, alice):
    """It may know of no sign-in, or of one of somebody else."""
    for record in ({}, {"account_authentication_methods": [{"method": "password", "at": time.time()}]}):
        browser = stolen(alice)
        session = session_of(browser)
        for name in ("account_authentication_methods", "account_authentication_methods_user"):
            session.pop(name, None)
        session.update(record)
        session.save()
        assert browser.post(reverse("machine_key")).status_code == 302


def test_reading_needs_no_recent_sign_in(acts, alice):
    browser = stolen(alice)
    for name, (words, _form) in acts.items():
        answer = browser.get(reverse(name, args=words))
        assert answer.status_code in {200, 302, 404, 405}, name
        if not name.startswith(
            ("mfa_", "account_set", "key_choice", "key_replace")
        ):  # they ask before they show a form
            assert answer.status_code in {200, 405}, name


def test_who_may_not_do_it_at_all_is_told_so_and_not_asked(acts, bob, carol):
    assert "Waiting for approval" in stolen(carol).post(reverse("machine_key")).text
    assert Client().post(reverse("machine_key")).url.startswith("/accounts/login/")


def test_a_large_form_is_not_kept(acts, alice):
    browser = stolen(alice)
    answer = browser.post(reverse("token_create"), {"name": "x" * 60_000})
    assert answer.url == f"/accounts/reauthenticate/?next={reverse('token_create').replace('/', '%2F')}"
    assert "ondol_suspended" not in session_of(browser)


def test_the_longest_list_of_people_is_kept(acts, alice):
    rows = json.dumps([[n, f"{n:0>254}", '"' * 100, '"' * 200, "ko"] for n in range(300)])
    for sent, is_kept in ((rows, True), (rows * 2, False)):
        browser = stolen(alice)
        browser.post(reverse("admin_invite_send"), {"rows": sent})
        assert ("ondol_suspended" in session_of(browser)) == is_kept


def test_a_form_without_csrf_token_is_refused_before_anybody_is_asked(acts, alice):
    browser = Client(enforce_csrf_checks=True)
    sign_in(browser, alice, minutes_ago=60)
    assert browser.post(reverse("machine_key")).status_code == 403
    assert "ondol_suspended" not in session_of(browser)


def test_htmx_leaves_the_page_for_it(acts, alice):
    answer = stolen(alice).post(reverse("admin_policy"), headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"].startswith("/accounts/reauthenticate/")


def test_an_authenticator_app_is_enough(acts, alice):
    secret = "JBSWY3DPEHPK3PXP"
    TOTP.activate(alice, secret)
    browser = stolen(alice)
    answer = browser.post(reverse("machine_key"))
    page = browser.get(answer.url).text
    assert "/accounts/2fa/reauthenticate/" in page
    counter = next(iter(yield_hotp_counters_from_time()))
    code = format_hotp_value(hotp_value(secret, counter))
    then = {"next": reverse("step_up_go_on"), "code": code}
    assert browser.post(reverse("mfa_reauthenticate"), then).url == reverse("step_up_go_on")
    assert go_on(browser).content.decode() == PEM


@pytest.mark.parametrize("language", ["en", "ko"])
def test_each_page_of_it_is_in_the_persons_language(acts, alice, language):
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    browser = stolen(alice)
    User.objects.update(language=language)
    words = {"en": "Confirm that it is you", "ko": "본인 확인"}[language]
    for name in ("account_reauthenticate", "mfa_reauthenticate"):
        page = browser.get(reverse(name)).text
        assert words in page
        assert ("Confirm" in page) == (language == "en")


def test_without_any_way_to_show_it_somebody_signs_in_anew(bob):
    machine(bob)
    SocialAccount.objects.create(user=bob, provider="kakao", uid="1")  # which is not offered any more
    browser = stolen(bob)
    assert browser.post(reverse("machine_key")).url.startswith("/accounts/login/?next=")
    assert browser.get("/").url.startswith("/accounts/login/")


def test_a_session_alone_adds_no_provider(alice, acts):
    """allauth asks nobody who has neither a password nor a second factor."""
    for where in ("GET", "POST"):
        path = reverse("account_login")
        answer = stolen(alice).post(
            f"{path}?process=connect" if where == "GET" else path, {"process": "connect"} if where == "POST" else {}
        )
        assert answer.url.startswith("/accounts/reauthenticate/")


def test_the_api_asks_sessions_too_and_no_tokens(alice, bob, carol, acts):
    for operation in sorted(NEED_RECENT_SIGN_IN):
        method, path = operation.split()
        path = path.format(user_id=carol.pk if "approve" in path else bob.pk)
        for minutes, is_refused in ((11, True), (1, False)):
            answer = stolen(alice, minutes).generic(method, path)
            assert (answer.status_code == 403) == is_refused, operation
            if is_refused:
                assert answer.json()["error"]["code"] == "recent_sign_in_needed"
    carol.refresh_from_db()
    assert carol.is_approved


def test_the_way_back_from_what_has_waited_stays_here(alice, acts):
    for page, back in (("//evil.example/x", "/evil.example/x"), ("/\\evil.example", "/evil.example"), ("/a", "/a")):
        browser = stolen(alice)
        browser.post(reverse("machine_key"), headers={"referer": f"http://testserver{page}"})
        assert session_of(browser)["ondol_suspended"]["back"] == back
