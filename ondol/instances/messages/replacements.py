"""Why a machine's key was not replaced, in words: one row for each cause, and AWS's codes by their own table."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from ondol.instances.decision import Step
from ondol.instances.messages.codes import refusal
from ondol.instances.messages.texts import TRY_THEN_ASK, Explanation
from ondol.whom_to_ask import ask_lazily

CAUSES: Mapping[str, Explanation] = {
    "no_answer": Explanation(
        _("The SSH server of your machine did not answer."),
        ask_lazily(
            _("Restart the machine and try again. If it happens twice, tell an administrator the reference number.")
        ),
    ),
    "no_address": Explanation(_("Your machine had no address."), TRY_THEN_ASK),
    "not_let_in": Explanation(
        _("Your machine did not let Ondol in: the package ec2-instance-connect may have been removed."),
        _("Install it on the machine, or change ~/.ssh/authorized_keys yourself."),
    ),
    "inside": Explanation(
        _("The keys on your machine could not be changed: its disk may be full."),
        _("Free some space on the disk and try again."),
    ),
    "sealed": Explanation(
        _("The old key cannot be decrypted, so Ondol does not know which line to remove."),
        ask_lazily(_("Tell an administrator the reference number.")),
    ),
    "not_approved": Explanation(_("The account has been suspended in the meantime."), _("Ask for it again.")),
    "internal": Explanation(_("Something is wrong in Ondol itself."), TRY_THEN_ASK),
}


def why_not(code: str) -> Explanation:
    """Return why a key was not replaced, and what its owner can do."""
    if code in CAUSES:
        return CAUSES[code]
    found = refusal(code, Step.REPLACE_KEY)
    return Explanation(found.cause, found.next_step)
