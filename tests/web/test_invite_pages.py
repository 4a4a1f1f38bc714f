"""Ada invites people by a list, and Dan comes by the link."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from allauth.core import context
from django.conf import settings
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


def test_what_is_not_read_of_a_file_is_on_the_page(alice, browser_of):
    page = preview(browser_of(alice), "email,name,phone\ndan@example.org,Dan,<b>010</b>\n", "utf-8")
    assert "Something in 1 line is not read, and it says what: 2" in page.text
    assert "Not read: phone: &lt;b&gt;010&lt;/b&gt;" in page.text
    assert "Invite 1 person" in page.text


@pytest.mark.parametrize("text", ["\ndan@example.org,Dan\r\nbob@example.org,</textarea>", "nobody@"])
def test_the_list_can_be_changed_after_the_preview(alice, browser_of, text):
    browser = browser_of(alice)
    page = browser.post(reverse("admin_invite"), {"text": text, "language": "ko"})
    again = browser.post(reverse("admin_invite"), {"text": page.context["page"].text, "language": "ko", "edit": "1"})
    form = again.context["page"].form
    assert (form["text"].value(), form["language"].value()) == (text, "ko")
    assert '<textarea name="text" hidden>\n' in page.text
    assert "Nothing has been done yet." not in again.text


def test_the_rows_of_a_file_can_be_changed_too_and_rows_beside_a_file_are_said_to_be_unread(alice, browser_of):
    file = SimpleUploadedFile("people.csv", LIST.encode("cp949"))
    page = browser_of(alice).post(reverse("admin_invite"), {"file": file, "text": "zoe@example.org"})
    assert page.context["page"].text == LIST
    assert "Read from people.csv. The pasted rows were not read." in page.text
    assert "zoe@" not in page.text


@pytest.mark.parametrize("encoding", ["cp949", "utf-16"])
def test_the_rows_of_the_largest_file_can_be_changed_as_well(alice, browser_of, encoding):
    rows = "".join(f"dan{number}@example.org,Dan,온돌,ko,{'가' * 124_000}\n" for number in range(4))
    browser = browser_of(alice)
    page = preview(browser, rows, encoding)
    assert "Invite 4 people" in page.text
    typed = {"text": page.context["page"].text, "language": ""}
    again = browser.post(reverse("admin_invite"), typed | {"edit": "1"})
    assert (
        "Invite 4 people"
        in browser.post(reverse("admin_invite"), typed | {"text": again.context["page"].form["text"].value()}).text
    )


def test_pasted_rows_that_are_too_large_get_a_sentence_and_stay(alice, browser_of):
    text = "dan@example.org,Dan\n" + "x" * 1_500_000
    page = browser_of(alice).post(reverse("admin_invite"), {"text": text})
    assert "This is larger than 1 MB." in page.text
    assert page.context["page"].form["text"].value() == text
    assert "maxlength" not in re.search(r"<textarea[^>]*>", page.text)[0]


def invited(alice, browser_of, row="dan@example.org,Dan", **fields):
    """Invite Dan by the page, and return him."""
    browser = browser_of(alice)
    page = browser.post(reverse("admin_invite"), {"text": row, "language": fields.pop("language", "")})
    rows = page.context["page"].form["rows"].value()
    browser.post(reverse("admin_invite_send"), {"rows": rows, **fields}, follow=True)
    return User.objects.get(email="dan@example.org")


@pytest.mark.parametrize(
    ("row", "fields", "language", "is_chosen"),
    [
        ("dan@example.org,Dan", {}, "ko", False),
        ("dan@example.org,Dan", {"language": "ko"}, "ko", True),
        ("dan@example.org,Dan", {"language": "en"}, "en", True),
        ("dan@example.org,Dan,,ko", {"language": "en"}, "ko", True),
        ("dan@example.org,Dan,,ko", {"language-0": "en"}, "en", True),
        ("dan@example.org,Dan", {"language-0": "en", "language-1": "ko"}, "en", True),
        ("dan@example.org,Dan", {"language": "en", "language-0": ""}, "ko", False),
    ],
)
def test_ada_chooses_the_language_for_all_or_for_one(alice, browser_of, row, fields, language, is_chosen):
    dan = invited(alice, browser_of, row, **fields)
    assert (dan.language, dan.invitation.language_is_chosen) == (language, is_chosen)


@pytest.mark.parametrize("wrong", ["xx", "\x00", "\u202e", "ko" * 9000])
def test_a_language_that_is_none_invites_nobody(alice, browser_of, wrong):
    browser = browser_of(alice)
    assert "Select a valid choice" in browser.post(reverse("admin_invite"), {"text": "a@b.kr", "language": wrong}).text
    rows = browser.post(reverse("admin_invite"), {"text": "dan@example.org"}).context["page"].form["rows"].value()
    answer = browser.post(reverse("admin_invite_send"), {"rows": rows, "language-0": wrong}, follow=True)
    assert "Read the file in again." in answer.text
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", ["left out: 2, 4", "<li>2 people get", "Not chosen 1 · English 1", "Invite 2, approve 1<"]),
        (
            "ko",
            ["2개 행(2, 4행)", "<li>2명에게", "정하지 않음 1 · English 1", "2명 초대, 1명 승인<", "초대 미리보기</h1>"],
        ),
    ],
)
def test_the_preview_counts_who_is_invited_in_which_language_and_names_wrong_lines(
    alice, carol, browser_of, language, told
):
    text = "carol@example.org\nno\ndan@example.org,Dan,,en\nnobody@\nzoe@example.org"
    page = browser_of(alice, language).post(reverse("admin_invite"), {"text": text}).text
    assert [words for words in told if words not in page] == []
    page = browser_of(alice, language).post(reverse("admin_invite"), {"text": "carol@example.org"}).text
    assert {"en": "Approve 1 person<", "ko": "1명 승인<"}[language] in page, "nobody is invited"


@pytest.mark.parametrize(("cell", "told"), [("en", "English"), ("ko", "한국어"), ("", "Not chosen")])
def test_the_page_of_somebody_invited_says_in_which_language_and_nothing_of_a_request(
    alice, bob, browser_of, cell, told
):
    browser = browser_of(alice)
    send(browser, browser.post(reverse("admin_invite"), {"text": f"dan@example.org,Dan,,{cell}"}))
    page = browser.get(reverse("admin_person", args=[User.objects.get(email="dan@example.org").pk])).text
    assert f"<dt>Language</dt><dd>{told}</dd>" in page
    assert "Account since" not in page, "on another clock than the invitation"
    page = browser.get(reverse("admin_person", args=[bob.pk])).text
    assert "Account since" in page
    assert "<dt>Language</dt>" not in page


def test_each_row_of_the_preview_has_its_language_to_choose(alice, carol, browser_of):
    text = "carol@example.org\nno\ndan@example.org,Dan,,en\nzoe@example.org"
    page = browser_of(alice).post(reverse("admin_invite"), {"text": text})
    assert re.findall(r'<select name="([^"]+)" form="send" aria-label="Language: ([^"]+)"', page.text) == [
        ("language-1", "dan@example.org"),
        ("language-2", "zoe@example.org"),
    ]


def come(browser, dan, mailoutbox, switch=""):
    """Follow the link in the e-mail until Dan has signed in; return the languages of the pages."""
    address, seen = reverse("invitation", args=[token_of(mailoutbox, dan.email)]), []
    told = {"Accept-Language": "en"}
    page = browser.get(address, headers=told)
    if switch:
        browser.post(reverse("language"), {"language": switch, "next": address})
        page = browser.get(address, headers=told)
    seen.append(page.headers["Content-Language"])
    form = browser.post(address, follow=True, headers=told)
    seen.append(form.headers["Content-Language"])
    typed = {"password1": "the floor is warm", "password2": "the floor is warm"}
    browser.post(form.redirect_chain[-1][0], typed, headers=told)
    browser.post(reverse("account_login"), {"login": dan.email, "password": "the floor is warm"}, headers=told)
    seen.append(browser.get(reverse("account"), headers=told).headers["Content-Language"])
    dan.refresh_from_db()
    return [*seen, dan.language]


@pytest.mark.parametrize(
    ("chosen", "before", "switch", "read"),
    [
        ("ko", "", "", "ko"),
        ("ko", "en", "", "ko"),
        ("ko", "", "en", "en"),
        ("en", "ko", "", "en"),
        ("en", "ko", "ko", "ko"),
        ("", "", "", "en"),
        ("", "ko", "", "ko"),
        ("", "", "ko", "ko"),
    ],
)
def test_what_was_chosen_for_dan_stays_until_he_chooses(alice, browser_of, mailoutbox, chosen, before, switch, read):
    """`before` is what somebody else has set this browser to."""
    dan, browser = invited(alice, browser_of, language=chosen), Client()
    if before:
        browser.cookies[settings.LANGUAGE_COOKIE_NAME] = before
    assert come(browser, dan, mailoutbox, switch) == [read] * 4


@pytest.mark.parametrize("end", ["signs out", "is forgotten"])
@pytest.mark.parametrize("pressed", ["before the sign-in", "after it"])
def test_the_switch_that_bob_has_pressed_is_not_dans_choice(alice, bob, browser_of, mailoutbox, pressed, end):
    dan, browser = invited(alice, browser_of, language="ko"), Client()
    bob.set_password("the floor is warm")
    bob.save()
    acts = [
        (reverse("language"), {"language": "en"}),
        (reverse("account_login"), {"login": bob.email, "password": "the floor is warm"}),
    ]
    for address, typed in acts if pressed == "before the sign-in" else reversed(acts):
        assert browser.post(address, typed).status_code == 302
    assert browser.get(reverse("account")).context["user"] == bob
    if end == "signs out":
        browser.post(reverse("account_logout"))
    else:
        del browser.cookies[settings.SESSION_COOKIE_NAME]
    assert come(browser, dan, mailoutbox) == ["ko"] * 4


def test_a_sign_out_forgets_the_press_too(bob, browser_of):
    browser = browser_of(bob)
    browser.cookies[settings.LANGUAGE_CHOICE_COOKIE_NAME] = "1"
    answer = browser.post(reverse("account_logout"))
    assert answer.cookies[settings.LANGUAGE_CHOICE_COOKIE_NAME]["max-age"] == 0


@pytest.mark.parametrize("before", ["", "en"])
@pytest.mark.parametrize(("chosen", "kept"), [("ko", "ko"), ("", "en")])
def test_a_first_sign_in_without_the_link_keeps_it_too(alice, browser_of, before, chosen, kept):
    dan, browser = invited(alice, browser_of, language=chosen), Client()
    dan.set_password("the floor is warm")
    dan.save()
    if before:
        browser.cookies[settings.LANGUAGE_COOKIE_NAME] = before
    typed = {"login": dan.email, "password": "the floor is warm"}
    browser.post(reverse("account_login"), typed, headers={"Accept-Language": "en"})
    dan.refresh_from_db()
    assert (dan.language, dan.last_login is None) == (kept, False)


def test_dan_keeps_his_own_choice_when_he_signs_in_elsewhere(alice, browser_of, mailoutbox):
    dan, browser = invited(alice, browser_of, language="ko"), Client()
    come(browser, dan, mailoutbox)
    browser.post(reverse("language"), {"language": "en", "next": "/"})
    elsewhere = Client()
    typed = {"login": dan.email, "password": "the floor is warm"}
    elsewhere.post(reverse("account_login"), typed, headers={"Accept-Language": "ko"})
    dan.refresh_from_db()
    assert dan.language == "en"


def test_another_invitation_leaves_the_language_as_it_was_chosen(alice, browser_of):
    dan = invited(alice, browser_of, language="ko")
    Invitation.objects.update(sent_at=datetime.now(UTC) - timedelta(hours=1))
    browser_of(alice).post(reverse("admin_invite_again"), {"people": dan.pk})
    dan.invitation.refresh_from_db()
    assert dan.invitation.language_is_chosen


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
