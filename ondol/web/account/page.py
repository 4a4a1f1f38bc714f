"""What people may change about themselves, and their API tokens."""

import ipaddress
from functools import cached_property

from django.db.models import QuerySet

from ondol.accounts import ways_in
from ondol.accounts.models import ApiToken, SshAddress, User
from ondol.accounts.ways_in import WayIn
from ondol.config import config
from ondol.instances import ssh_ranges
from ondol.instances.models import Instance
from ondol.policy.rules import Rules, rules_of
from ondol.web.account.forms import AccountForm, SshAddressForm, TokenForm
from ondol.web.page import Page
from ondol.web.policy.facts import Fact, facts_of


class AccountPage(Page):
    """Show the reader's account: details, rules, ways to sign in, tokens."""

    template = "account/page.html"
    form: AccountForm
    token_form: TokenForm

    ssh_form: SshAddressForm
    address = ""
    """Where the reader's request comes from."""

    def __init__(
        self, reader: User, form: AccountForm, token_form: TokenForm, ssh_form: SshAddressForm | None = None
    ) -> None:
        self._reader = reader
        self.form, self.token_form, self.ssh_form = form, token_form, ssh_form or SshAddressForm()

    @cached_property
    def ssh_shared(self) -> tuple[str, ...]:
        """Return the ranges from which everybody's machine is reached."""
        return config().ssh_cidrs or ()

    @cached_property
    def ssh_addresses(self) -> list[tuple[SshAddress, bool]]:
        """Return the reader's own ranges, each with whether it counts."""
        wished = set(ssh_ranges.wished(self._reader))
        return [(address, address.cidr in wished) for address in self._reader.ssh_addresses.all()]

    @property
    def may_add_ssh(self) -> bool:
        return self.rules.ssh_addresses > 0

    @property
    def needs_ipv4(self) -> bool:
        """Return whether the reader's request comes from an IPv6 address, from which their machine is not reached."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:  # not known
            return False
        is_v6 = address.version == 6 and address.ipv4_mapped is None
        return is_v6 and not Instance.objects.filter(owner=self._reader).exclude(ipv6_address=None).exists()

    @cached_property
    def rules(self) -> Rules:
        return rules_of(self._reader.pk)

    @cached_property
    def facts(self) -> list[Fact]:
        return facts_of(self.rules, is_mine=True)

    @cached_property
    def tokens(self) -> QuerySet[ApiToken]:
        return ApiToken.objects.filter(user=self._reader)

    @cached_property
    def ways_in(self) -> list[WayIn]:
        """Return the reader's ways to sign in besides a password, newest first."""
        return ways_in.of(self._reader)

    @property
    def has_providers(self) -> bool:
        """Return whether accounts of other providers can be connected."""
        return bool(config().social_providers)


class TokenPage(Page):
    """Show a new token, which is shown only once."""

    template = "account/token.html"
    name: str
    token: str

    def __init__(self, name: str, token: str) -> None:
        self.name, self.token = name, token
