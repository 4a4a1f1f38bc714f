"""Who may ask which address: one line for each route of the pages, of allauth and of the API.

`test_who_may.py` fails for a route that is missing here, and tries every route as everybody.
"""

import re
from collections.abc import Iterator
from enum import IntEnum
from typing import Any, NamedTuple

from django.urls import URLPattern, URLResolver, get_resolver


class Rule(IntEnum):
    """The least role that an address needs. Each rule also lets in everybody whom the next one lets in."""

    ANYBODY = 0
    SIGNED_IN = 1
    """This includes people whose request is pending, and people who were rejected or suspended."""
    APPROVED = 2
    ADMINISTRATOR = 3


class Route(NamedTuple):
    """One address, as its pattern."""

    pattern: str
    name: str

    @property
    def is_api(self) -> bool:
        return self.pattern.startswith("api/")

    def path(self, key: object) -> str:
        """Return its path, with `key` for whatever its pattern asks for."""
        known = _KEYED.get(self.name, self.pattern)
        return "/" + re.sub("<int:[a-z_]+>", str(key), known).replace("<str:token>", "x")


def routes() -> list[Route]:
    """Return all that Django knows."""
    return list(_below(get_resolver(), ""))


def _below(resolver: Any, before: str) -> Iterator[Route]:
    for pattern in resolver.url_patterns:
        here = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _below(pattern, here)
        elif isinstance(pattern, URLPattern):
            yield Route(here, pattern.name or "")


_KEYED = {
    "account_confirm_email": "accounts/confirm-email/MQ:x/",
    "account_reset_password_from_key": "accounts/password/reset/key/1-x-y/",
}
"""A path for each pattern that is a regular expression."""
RULES = {
    Rule.ANYBODY: """
        help/  language/  awake/<str:token>/  old-address/<str:token>/  invitation/<str:token>/
        announcement/dismiss/
        accounts/login/  accounts/login/code/confirm/  accounts/signup/  accounts/inactive/  accounts/confirm-email/
        accounts/^confirm-email/(?P<key>[-:\\w]+)/$
        accounts/password/reset/  accounts/password/reset/done/  accounts/password/reset/key/done/
        accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$
        accounts/2fa/authenticate/  accounts/2fa/webauthn/login/
        accounts/3rdparty/login/cancelled/  accounts/3rdparty/login/error/  accounts/3rdparty/signup/
        accounts/social/login/cancelled/  accounts/social/login/error/  accounts/social/signup/
        accounts/social/connections/
        api/openapi.json  api/
    """,
    Rule.SIGNED_IN: "accounts/logout/  start/",
    Rule.APPROVED: """
        <empty>  machine/  machine/create/  machine/start/  machine/stop/  machine/size/  machine/awake/
        machine/awake/end/  machine/not-tonight/  machine/tonight/  machine/cpu/  machine/address-told/  machine/key/
        machine/next-key/  machine/replace-key/
        history/  settings/  settings/confirm/  settings/go-on/  settings/tokens/  settings/tokens/<int:pk>/revoke/
        settings/ssh/  settings/ssh/<int:pk>/remove/
        settings/activity/  costs/
        accounts/reauthenticate/  accounts/email/  accounts/password/change/  accounts/password/set/
        accounts/2fa/  accounts/2fa/reauthenticate/  accounts/2fa/totp/activate/  accounts/2fa/totp/deactivate/
        accounts/2fa/recovery-codes/  accounts/2fa/recovery-codes/generate/  accounts/2fa/recovery-codes/download/
        accounts/2fa/webauthn/  accounts/2fa/webauthn/add/  accounts/2fa/webauthn/reauthenticate/
        accounts/2fa/webauthn/keys/<int:pk>/remove/  accounts/2fa/webauthn/keys/<int:pk>/edit/
        accounts/3rdparty/  accounts/sessions/
        api/instances/status  api/instances/offers  api/instances  api/instances/size  api/instances/start
        api/instances/stop  api/instances/keep-awake  api/instances/ssh-key  api/costs
        api/instances/ssh-key/replacement
        api/instances/ssh-addresses  api/instances/ssh-addresses/<int:number>
    """,
    Rule.ADMINISTRATOR: """
        admin/people/  admin/people/decide/  admin/people/<int:pk>/  admin/people/<int:pk>/approve/
        admin/people/<int:pk>/reject/  admin/people/<int:pk>/suspend/  admin/people/<int:pk>/role/
        admin/people/<int:pk>/terminate/  admin/people/<int:pk>/history/
        admin/  admin/month/  admin/find/  admin/fleet/  admin/fleet/act/  admin/fleet/create/  admin/fleet/stop/
        admin/people/csv/  admin/people/message/
        admin/policy/  admin/policy/<int:pk>/  admin/policy/changes/<int:pk>/undo/
        admin/activity/  admin/activity/csv/
        admin/people/invite/  admin/people/invite/send/  admin/people/invite/again/
        admin/announcement/  admin/announcement/end/
        admin/doctor/  admin/doctor/again/  admin/doctor/emails/<int:pk>/again/  admin/doctor/emails/<int:pk>/drop/
        admin/costs/  admin/costs/csv/  admin/costs/rate/  admin/costs/budget/  admin/costs/<int:pk>/
        admin/costs/<int:pk>/budget/
        api/admin/users  api/admin/users/<int:user_id>/approve  api/admin/users/<int:user_id>/reject
        api/admin/users/<int:user_id>/suspend  api/admin/users/<int:user_id>/instance
    """,
}
RULE_OF = {pattern.replace("<empty>", ""): rule for rule, patterns in RULES.items() for pattern in patterns.split()}
