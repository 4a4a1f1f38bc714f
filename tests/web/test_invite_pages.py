"""Ada invites people by a list, and Dan comes by the link."""

import json

import pytest
from allauth.core import context
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django.urls import reverse

from ondol.accounts import invitations
from ondol.accounts.invited_rows import rows_of
from ondol.accounts.models import Invitation, User
from ondol.accounts.passwords import hint
from ondol.accounts.providers import SocialAccountAdapter
from ondol.config import config

LIST = "이메일;이름;소속\r\ndan@example.org;김단;온돌\r\nbob@example.org;Bob;\r\nno address;X;\r\n"


TOO_MANY = json.dumps([[1, "a@b.kr", "", "", ""]] * 301)


def preview(browser, text=LIST, encoding="cp949"):
    file = SimpleUploadedFile("people.csv", text.encode(encoding))
    return browser.post(reverse("admin_invite"), {"file": file, "text": ""})


def send(browser, page):
    return browser.post(reverse("admin_invite_send"), {"rows": page.context["page"].form["rows"].value()}, follow=True)


def token_of(mailoutbox, email="dan@example.org"):
    invitations.send(User.objects.get(email=email).pk)
    return mailoutbox[-1].body.partition("/invitation/")[2].split("/")[0]


def test_ada_sees_a_line_for_each_row_before_anything_is_done(alice, bob, browser_of):
    page = preview(browser_of(alice))
    assert "Nothing has been done yet." in page.text
    assert "Invite 1 person" in page.text
    for said in ("김단", "There already: nothing to do", "This is not an e-mail address."):
        assert said in page.text
    assert not User.objects.filter(email="dan@example.org").exists()


def test_then_she_invites_them_and_a_reload_invites_nobody_twice(alice, bob, browser_of):
    browser = browser_of(alice)
    page = preview(browser)
    assert "1 person invited. They get an e-mail with a link." in send(browser, page).text
    answer = send(browser, page)
    assert "1 person was there already" in answer.text
    assert "김단" in answer.text
    assert Invitation.objects.count() == 1


def test_people_shows_who_is_invited_and_invites_again(alice, bob, browser_of):
    browser = browser_of(alice)
    send(browser, preview(browser))
    dan = User.objects.get(email="dan@example.org")
    shown = browser.get(reverse("admin_people"), {"approval": "invited"}).text
    assert "dan@example.org" in shown
    assert "bob@example.org" not in shown
    assert "The link works until" in browser.get(reverse("admin_person", args=[dan.pk])).text
    assert (
        "in the last ten minutes" in browser.post(reverse("admin_invite_again"), {"people": dan.pk}, follow=True).text
    )
    assert "Select at least one row." in browser.post(reverse("admin_invite_again"), follow=True).text


def test_pasted_rows_do_as_well_and_a_workbook_or_nothing_gets_a_sentence(alice, browser_of):
    browser = browser_of(alice)
    assert "Invite 1 person" in browser.post(reverse("admin_invite"), {"text": "dan@example.org\tDan"}).text
    assert "Choose a file, or paste rows." in browser.post(reverse("admin_invite"), {"text": " \n"}).text
    assert "CSV UTF-8" in preview(browser, "PK\x03\x04", "ascii").text
    assert "There is nobody in it." in preview(browser, "", "ascii").text


@pytest.mark.parametrize(
    "rows",
    ["", "nonsense",
     "[]", "{}", "[1]", "[[1]]", '[[1, 2, 3, 4, 5]]', '["abcde"]', "[" * 5000, '[[null, "a@b.kr", "", "", ""]]',
     '[[1, null, "", "", ""]]', '[[{}, "a@b.kr", "a", "", ""]]', "1e999", '"\\ud800"', TOO_MANY],
)  # fmt: skip
def test_a_list_that_was_not_sent_as_shown_gets_a_sentence(alice, browser_of, rows):
    answer = browser_of(alice).post(reverse("admin_invite_send"), {"rows": rows}, follow=True)
    assert answer.status_code == 200
    assert "Read the file in again." in answer.text or "This field is required." in answer.text
    assert User.objects.count() == 1


def test_a_row_that_was_changed_meanwhile_is_checked_once_more(alice, browser_of):
    rows = json.dumps([[1, "\u202edan@example.org", "Dan\x00", "", ""], [2, "\ud800@b.kr", "x", "", ""]])
    assert browser_of(alice).post(reverse("admin_invite_send"), {"rows": rows}, follow=True).status_code == 200
    assert User.objects.count() == 1


def test_a_name_that_excel_would_calculate_stays_a_text(alice, browser_of):
    browser = browser_of(alice)
    send(browser, preview(browser, 'dan@example.org,"=HYPERLINK(""http://x"")"'))
    assert User.objects.get(email="dan@example.org").name == '=HYPERLINK("http://x")'
    cells = browser.get(reverse("admin_people_csv")).content.decode()
    assert "'=HYPERLINK" in cells
    assert "\n=HYPERLINK" not in cells


def test_dan_chooses_a_password_by_the_link_and_signs_in(alice, bob, browser_of, mailoutbox):
    browser = browser_of(alice)
    send(browser, preview(browser))
    stranger, address = Client(), reverse("invitation", args=[token_of(mailoutbox)])
    page = stranger.get(address)
    assert "김단" in page.text
    form = stranger.post(address, follow=True)
    assert hint() in form.text or 'name="password1"' in form.text
    path = form.redirect_chain[-1][0]
    stranger.post(path, {"password1": "the floor is warm", "password2": "the floor is warm"})
    stranger.post("/accounts/login/", {"login": "dan@example.org", "password": "the floor is warm"})
    assert stranger.get("/").status_code == 200
    assert "Waiting" not in stranger.get("/").text
    used = Client().get(address)
    assert used.status_code == 410
    assert "has been used" in used.text or "사용" in used.text
    assert "dan@example.org" not in browser.get(reverse("admin_people"), {"approval": "invited"}).text


def test_a_link_that_somebody_else_opens_while_signed_in_changes_nothing(alice, bob, browser_of, mailoutbox):
    invitations.invite(rows_of("dan@example.org,Dan")[0], alice)
    answer = browser_of(bob).post(reverse("invitation", args=[token_of(mailoutbox)]))
    assert answer.status_code == 409
    assert not User.objects.get(email="dan@example.org").has_usable_password()


def test_a_wrong_link_is_a_page(db):
    assert Client().get(reverse("invitation", args=["x"])).status_code == 404


def test_where_passwords_are_off_the_link_leads_to_the_sign_in_and_counts_once(alice, mailoutbox, monkeypatch):
    monkeypatch.setattr(config(), "password_sign_in", False)
    dan_row = rows_of("dan@example.org,Dan")[0]
    invitations.invite(dan_row, alice)
    address = reverse("invitation", args=[token_of(mailoutbox)])
    assert "choose a password" not in mailoutbox[-1].body
    page = Client()
    assert 'name="password' not in page.get(address).text
    assert page.post(address).url == reverse("account_login")


def test_whoever_comes_back_from_a_provider_gets_the_account_once_and_in_time(alice, mailoutbox):
    invitations.invite(rows_of("dan@example.org,Dan")[0], alice)
    token, dan = token_of(mailoutbox), User.objects.get(email="dan@example.org")
    request = RequestFactory().get("/")
    request.session = {}
    assert invitations.take_opened(request) is None
    invitations.open_here(request, token)
    with context.request_context(request):
        assert SocialAccountAdapter(request).authenticate_by_email(None) == (dan, dan.email)
    assert invitations.take_opened(request) is None
    invitations.open_here(request, token)
    request.session["ondol_invitation"][1] -= 601
    assert invitations.take_opened(request) is None
