"""What a message is made of, and next steps that several of them share."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ondol.whom_to_ask import ask_lazily

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why something is as it is, in a whole sentence, and what its reader can do."""

    cause: Text
    """It may name `%(type)s`, `%(core)s` and `%(minutes)s`."""
    next_step: Text = ""
    """Empty where there is nothing to do."""


RETRY_LATER = _("Try again in 10 to 30 minutes: AWS frees capacity all the time.")
ASK = ask_lazily(_("Trying again will not help. Tell an administrator the reference number."))
TRY_THEN_ASK = ask_lazily(_("Try again. If it happens twice, tell an administrator the reference number."))
RAISE_LIMIT = ask_lazily(_("Tell an administrator the reference number: the limit can be raised in AWS."))
WHEN_OTHERS_STOP = ask_lazily(
    _("Try again when others have stopped theirs, or tell an administrator the reference number.")
)
ASK_AGAIN_LATER = _("Ask for it again later.")
LIMIT = Explanation(_("The AWS account has reached one of its limits."), RAISE_LIMIT)
NO_CAPACITY = Explanation(_("AWS has no free server of the type %(type)s in this zone at the moment."), RETRY_LATER)
SERVER_LIMIT = Explanation(_("The AWS account has reached its limit of running servers."), WHEN_OTHERS_STOP)
