"""Why something was refused or has failed, in words: the record has a code for programs."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

_BAD_KEY = gettext_lazy("not a public key that can be used")

CODES: Mapping[str, str | Promise] = {
    "password": gettext_lazy("wrong password"),
    "second_factor": gettext_lazy("wrong code or passkey"),
    "too_many": gettext_lazy("too many"),
    "oneself": gettext_lazy("nobody decides about themselves"),
    "not_waiting": gettext_lazy("the request was decided already"),
    "no_such_person": gettext_lazy("there is no such person"),
    "address_not_proven": gettext_lazy("the address is not proven"),
    "address_taken": gettext_lazy("the address belongs to another account"),
    "last_administrator": gettext_lazy("it is the last administrator"),
    "not_approved": gettext_lazy("the account is not approved"),
    "not_admin": gettext_lazy("only for administrators"),
    "not_allowed": gettext_lazy("the rules do not allow it"),
    "second_factor_needed": gettext_lazy("a second factor is needed"),
    "recent_sign_in_needed": gettext_lazy("a recent sign-in is needed"),
    "csrf": gettext_lazy("the page was not from here"),
    "no_reason": gettext_lazy("a reason is needed"),
    "no_text": gettext_lazy("a text is needed"),
    "reason_too_long": gettext_lazy("the reason is too long"),
    "text_too_long": gettext_lazy("the text is too long"),
    "name_too_long": gettext_lazy("the name is too long"),
    "control_characters": gettext_lazy("it has characters that nobody sees"),
    "invalid": gettext_lazy("it is not valid"),
    "nothing_to_undo": gettext_lazy("there is nothing to undo"),
    "too_many_messages": gettext_lazy("too many messages in an hour"),
    "too_many_tokens": gettext_lazy("too many tokens"),
    "too_many_starts": gettext_lazy("no more starts today"),
    "too_many_creations": gettext_lazy("no more new machines today"),
    "too_many_type_changes": gettext_lazy("no more changes of type today"),
    "unknown": gettext_lazy("the token is not known"),
    "expired": gettext_lazy("the token has expired"),
    "no_machine": gettext_lazy("there is no machine"),
    "already_there": gettext_lazy("there is a machine already"),
    "cleaning_up": gettext_lazy("the last attempt was being cleaned up"),
    "unknown_machine": gettext_lazy("there is a machine in AWS that nobody here knows"),
    "being_made": gettext_lazy("the machine was being created"),
    "starting": gettext_lazy("the machine was starting"),
    "stopping": gettext_lazy("the machine was stopping"),
    "terminating": gettext_lazy("the machine was being deleted"),
    "failed": gettext_lazy("the machine could not be created"),
    "not_running": gettext_lazy("the machine was not running"),
    "not_stopped": gettext_lazy("the machine was not stopped"),
    "not_settled": gettext_lazy("the machine was just changing"),
    "other_run": gettext_lazy("the machine has been started since"),
    "budget": gettext_lazy("the month’s budget is used up"),
    "disk_not_permitted": gettext_lazy("the rules do not allow this disk"),
    "disk_shrinks": gettext_lazy("a disk cannot shrink"),
    "type_not_permitted": gettext_lazy("the rules do not allow this type"),
    "other_architecture": gettext_lazy("that type has another kind of processor"),
    "two_values": gettext_lazy("two values for one thing"),
    "not_offered": gettext_lazy("this choice was not offered"),
    "in_the_past": gettext_lazy("the time was over already"),
    "past": gettext_lazy("the time was over already"),
    "too_long": gettext_lazy("longer than the rules allow"),
    "no_hours": gettext_lazy("there is no closing time"),
    "too_wide": gettext_lazy("wider than the rules allow"),
    "label": gettext_lazy("the label is not valid"),
    "no_range": gettext_lazy("not an address"),
    "no_such_range": gettext_lazy("there is no such address"),
    "no_key": gettext_lazy("there is no key yet"),
    "key_not_kept": gettext_lazy("the key is the person’s own"),
    "key_changed": gettext_lazy("the key was changed in the database"),
    "sealed": gettext_lazy("the key cannot be opened at the moment"),
    "no_answer": gettext_lazy("SSH on the machine did not answer"),
    "no_address": gettext_lazy("the machine had no address"),
    "not_let_in": gettext_lazy("the machine did not let Ondol in"),
    "inside": gettext_lazy("the keys on the machine could not be changed"),
    "internal": gettext_lazy("a failure of Ondol’s own"),
    "unknown_link": gettext_lazy("the link is not known"),
    "used_link": gettext_lazy("the link was used already"),
    "expired_link": gettext_lazy("the link has expired"),
    "used": gettext_lazy("the link was used already"),
    "lapsed": gettext_lazy("the link has expired"),
    "signed_in": gettext_lazy("somebody had signed in there"),
    "not_invited": gettext_lazy("no invitation is open for this person"),
    "just_invited": gettext_lazy("an invitation was sent within ten minutes before"),
    "rules_changed": gettext_lazy("the rules had been changed since"),
    "no_such_link": gettext_lazy("there is no such link"),
}


def words(code: str) -> str:
    """Return the words for a code; AWS's codes are shown as they are."""
    if code in CODES:
        return str(CODES[code])
    if code.startswith("public_key_"):
        return str(_BAD_KEY)
    if code.startswith("scope_"):
        return _("the token is not for this")
    if code[:1].isupper():
        return f"AWS: {code}"
    return code.replace("_", " ")
