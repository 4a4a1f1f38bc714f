"""A real browser, for what only a real browser shows."""

import time
from contextlib import contextmanager

from django.conf import settings
from django.test import Client

from ondol.accounts.models import User
from tests import signed_in


def sign_in(client, user, minutes_ago=0):
    """Sign in as somebody who has typed their password so long ago, at first just now; return the cookie."""
    typed = {"method": "password", "at": time.time() - minutes_ago * 60}
    known = {"account_authentication_methods": [typed], "account_authentication_methods_user": str(user.pk)}
    return signed_in.sign_in(client, user, **known)


def cookies(base, email, language, minutes_ago=0):
    """Return the cookies of a signed-in person, or of nobody."""
    found = [{"name": settings.LANGUAGE_COOKIE_NAME, "value": language, "url": base}]
    if email:
        User.objects.filter(email=email).update(language=language)
        value = sign_in(Client(), User.objects.get(email=email), minutes_ago)
        found.append({"name": settings.SESSION_COOKIE_NAME, "value": value, "url": base})
    return found


@contextmanager
def page_of(browser, base, email="", language="en", width=1280, minutes_ago=0, **options):
    """Return a page of this person, who signed in so long ago; afterwards its console must be empty."""
    context = browser.new_context(viewport={"width": width, "height": 800}, base_url=base, **options)
    page, complaints = context.new_page(), []

    def hear(message):
        # The browser itself logs an answer of 403 or 404, and htmx one of 429, whose reason the page shows.
        is_logged = any(text in message.text for text in ("Failed to load resource", "Status Error Code 429"))
        if message.type in {"error", "warning"} and not is_logged:
            complaints.append(f"{page.url}: {message.text}")

    def watch(answer):
        if "/static/" in answer.url and answer.status >= 400:
            complaints.append(f"{answer.status} {answer.url}")

    page.on("console", hear)
    page.on("response", watch)
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    become(page, base, email, language, minutes_ago)
    yield page
    context.close()
    assert not complaints, complaints


def become(page, base, email, language, minutes_ago=0):
    """Let another person use this browser; what it has loaded stays."""
    page.context.clear_cookies()
    page.context.add_cookies(cookies(base, email, language, minutes_ago))
