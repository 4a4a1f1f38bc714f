"""That AWS could not be asked for a while: since when, and for administrators why and what mends it."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ondol.accounts.models import User
from ondol.instances.deployment import here
from ondol.instances.health import unconfirmed_since

_MENDS: dict[str, tuple[str | Promise, str | Promise]] = {
    "": (_("No worker has looked at the machines."), _("See whether `ondol worker` runs, and what its log says.")),
    "Unreachable": (
        _("AWS does not answer, or the worker’s credentials are missing, wrong or expired."),
        _("Check the worker’s network and its AWS credentials."),
    ),
    "Throttled": (
        _("AWS asks us to slow down."),
        _("It passes by itself, unless something else in this account asks AWS too often."),
    ),
    "Refused": (_("AWS refuses to answer: a permission or a setting is missing."), _("`ondol doctor` names it.")),
    "WrongPlace": (
        _("The worker’s credentials lead to another account or region than the machines are in."),
        _("Give it the ones it had before. Until then nothing is touched."),
    ),
}
"""By the class of `cloud.errors`; empty where nobody has even asked."""
_OTHERWISE = (_("AWS answers with an error."), _("The worker’s log says more."))


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """What is shown is of `since`, on the machines' clock. The rest is for administrators, and empty for others."""

    since: datetime
    cause: str | Promise = ""
    mend: str | Promise = ""
    code: str = ""
    """AWS's."""


def unconfirmed(reader: User) -> Unconfirmed | None:
    """None while all is well."""
    since = unconfirmed_since()
    if since is None or not reader.is_admin:
        return Unconfirmed(since) if since else None
    kind, code = here().values_list("trouble", "trouble_code").get()
    return Unconfirmed(since, *_MENDS.get(kind, _OTHERWISE), code)
