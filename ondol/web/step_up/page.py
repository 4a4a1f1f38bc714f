"""The pages after re-authentication: the form that is sent now, and the providers that can ask people again."""

from dataclasses import dataclass
from urllib.parse import urlencode

from allauth.socialaccount.adapter import get_adapter
from django.http import HttpRequest

from ondol.accounts.models import User
from ondol.accounts.providers import ASK_AGAIN, accounts_of, name_of
from ondol.config import config
from ondol.web.page import Page
from ondol.web.step_up.suspended import Suspended


@dataclass(frozen=True)
class GoOnPage(Page):
    """Send the form that has waited: by a script at once, or by a button without scripts."""

    template = "step_up/go_on.html"
    form: Suspended

    @property
    def is_download(self) -> bool:
        """Return whether the answer is a file, so that the browser stays on this page."""
        return self.form.name == "machine_key"


@dataclass(frozen=True)
class Way:
    """One provider that can ask again."""

    name: str
    url: str


class ProvidersPage(Page):
    """Show the providers by which the reader can sign in."""

    template = "step_up/providers.html"
    ways: list[Way]

    def __init__(self, request: HttpRequest, reader: User, then: str) -> None:
        self.ways = []
        for provider in accounts_of(reader):
            known = get_adapter().get_provider(request, provider)
            words = {"process": "login", "next": then, "auth_params": urlencode(ASK_AGAIN[provider])}
            self.ways.append(Way(name_of(config(), provider), known.get_login_url(request, **words)))
