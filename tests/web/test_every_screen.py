"""Every screen in every state, as people with a Korean browser get it."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.db import transaction
from django.test import Client

from ondol.accounts.models import User
from tests.web.browser import sign_in
from tests.web.screens import furnish

pytestmark = pytest.mark.django_db  # without one test so marked, no database is made


@pytest.fixture(scope="module")
def answers(django_db_setup, django_db_blocker):
    """Ask for every screen, once for all tests: there are so many that it takes seconds."""
    with django_db_blocker.unblock(), transaction.atomic():
        found = [(screen, answer_to(screen)) for screen in furnish()]
        transaction.set_rollback(True)
    return found


def answer_to(screen):
    browser = Client()
    if screen.who:
        User.objects.filter(email=screen.who).update(language="ko")
        sign_in(browser, User.objects.get(email=screen.who))
    return browser.get(screen.path)


def test_every_screen_is_answered_as_it_should_be(answers):
    for screen, answer in answers:
        assert answer.status_code == screen.status, screen.name


class InlineCode(HTMLParser):
    """Finds what the content-security policy forbids, and what comes from other hosts."""

    def __init__(self):
        super().__init__()
        self.found = []
        self.expected = ""

    def handle_starttag(self, tag, attrs):
        names = dict(attrs)
        is_data = tag == "script" and names.get("type") == "application/json"
        if tag == "style" or (tag == "script" and "src" not in names and not is_data):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            if name == "style" or name.startswith("on") or name.startswith("hx-on"):
                self.found.append(f"{tag} {name}")
            if name in {"src", "action"} and re.match(r"(https?:)?//|javascript:", value or ""):
                self.found.append(f"{tag} {name}={value}")
        if tag == "link" and names["rel"] == "expect":
            self.expected = names["href"]
        elif tag == "link" and not names["href"].startswith("/"):
            self.found.append(str(names))


def test_no_page_has_inline_code_or_anything_from_elsewhere(answers):
    for screen, answer in answers:
        parser = InlineCode()
        parser.feed(answer.text)
        assert not parser.found, screen.name


def test_every_page_is_painted_once_all_of_it_is_there(answers):
    """Else its header, columns and tables move with each piece. Pages of errors are short, and stand by themselves."""
    for screen, answer in answers:
        if answer.status_code >= 400:
            continue
        parser = InlineCode()
        parser.feed(answer.text)
        assert parser.expected == "#end", screen.name
        assert answer.text.index("</footer>") < answer.text.index('<div id="end" hidden></div>'), screen.name


def test_only_administrators_load_their_stylesheet_and_only_they_need_it(answers):
    sources = Path(__file__).parents[2] / "ondol" / "web" / "static" / "ondol"
    parts = re.findall(r'@import "([\w-]+\.css)"', (sources / "administration.css").read_text())
    own, others = set(), set()
    for path in sources.glob("*.css"):
        (own if path.name in parts else others).update(re.findall(r"\.([a-z][\w-]+)", path.read_text()))
    administrators = {screen.who for screen, _ in answers if screen.path.startswith("/admin/") and screen.status == 200}
    needed = 0
    for screen, answer in answers:
        named = {name for value in re.findall(r'class="([^"]+)"', answer.text) for name in value.split()}
        used = named & (own - others)
        is_loaded = "/administration." in answer.text
        assert is_loaded or not used, (screen.name, used)
        assert not is_loaded or screen.who in administrators, screen.name
        needed += bool(used)
    assert needed > 5


def test_korean_pages_have_no_english_sentence_left(answers):
    left = {}
    for screen, answer in answers:
        if screen.name in {"help", "activity"}:
            continue
        page = re.sub(r"(?s)<(script|pre|code|title)\b.*?</\1>|<[^>]+>", "|", answer.text)
        sentences = [part for part in page.split("|") if len(re.findall(r"\b[a-z]{2,}\b", part)) >= 4]
        sentences = [part for part in sentences if not re.search("[가-힣]", part) and "@" not in part]
        if sentences:
            left[screen.name] = sentences
    assert not left
