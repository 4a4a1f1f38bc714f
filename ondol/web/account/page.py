"""What people may change about themselves, and their API tokens."""

from functools import cached_property

from django.db.models import QuerySet

from ondol.accounts.models import ApiToken, User
from ondol.config import config
from ondol.policy.rules import Rules, rules_of
from ondol.web.account.forms import AccountForm, TokenForm
from ondol.web.page import Page
from ondol.web.policy.facts import Fact, facts_of


class AccountPage(Page):
    """Show the reader's account: details, rules, ways to sign in, tokens."""

    template = "account/page.html"
    form: AccountForm
    token_form: TokenForm

    def __init__(self, reader: User, form: AccountForm, token_form: TokenForm) -> None:
        self._reader = reader
        self.form, self.token_form = form, token_form

    @cached_property
    def rules(self) -> Rules:
        return rules_of(self._reader.pk)

    @cached_property
    def facts(self) -> list[Fact]:
        return facts_of(self.rules, is_mine=True)

    @cached_property
    def tokens(self) -> QuerySet[ApiToken]:
        return ApiToken.objects.filter(user=self._reader)

    @property
    def has_providers(self) -> bool:
        """Return whether accounts of other providers can be connected."""
        return bool(config().social_providers)


class TokenPage(Page):
    """Show a new token, this once."""

    template = "account/token.html"
    name: str
    token: str

    def __init__(self, name: str, token: str) -> None:
        self.name, self.token = name, token
