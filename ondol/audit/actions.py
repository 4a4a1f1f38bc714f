"""The acts that the record knows, with their words."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Action(TextChoices):
    """An act. Rows keep its value for ever: labels may change, values may not."""

    SIGN_IN = "sign_in", _("Sign-in")
    SIGN_OUT = "sign_out", _("Sign-out")
    SIGN_OUT_EVERYWHERE = "sign_out.everywhere", _("Sign-out everywhere else")
    CONFIRM = "sign_in.confirm", _("Confirmed who they are")

    SIGN_UP = "account.sign_up", _("Account requested")
    ADD = "account.add", _("Person added")
    DETAILS = "account.details", _("Details changed")
    PASSWORD = "account.password", _("Password changed")
    EMAIL_WISH = "account.email_wish", _("Change of e-mail address requested")
    EMAIL = "account.email", _("E-mail address changed")
    EMAIL_PROVEN = "account.email_proven", _("E-mail address proven")
    EMAIL_BACK = "account.email_back", _("Change of e-mail address taken back")
    FACTOR_ADD = "account.factor_add", _("Second factor added")
    FACTOR_REMOVE = "account.factor_remove", _("Second factor removed")
    PROVIDER_ADD = "account.provider_add", _("Other account connected")
    PROVIDER_REMOVE = "account.provider_remove", _("Other account disconnected")
    SSH_ADD = "account.ssh_add", _("SSH address added")
    SSH_REMOVE = "account.ssh_remove", _("SSH address removed")

    KEY_READ = "key.read", _("Private key downloaded")
    KEY_CHOOSE = "key.choose", _("Key for the next machine chosen")
    KEY_REPLACE = "key.replace", _("Replacement of a key requested")
    KEY_CHANGE = "key.change", _("Key of a machine replaced")
    TOKEN_MAKE = "token.make", _("API token created")
    TOKEN_USE = "token.use", _("API token first used")
    TOKEN_REVOKE = "token.revoke", _("API tokens revoked")

    APPROVE = "person.approve", _("Person approved")
    REJECT = "person.reject", _("Request rejected")
    VOUCH = "person.vouch", _("Address vouched for")
    SUSPEND = "person.suspend", _("Person suspended")
    ROLE = "person.role", _("Role changed")
    MESSAGE = "person.message", _("Message sent")
    INVITE = "person.invite", _("Person invited")

    POLICY = "policy", _("Rules changed")
    BUDGET = "budget", _("Budget changed")
    RATE = "rate", _("Exchange rate set")
    ANNOUNCE = "announcement", _("Announcement shown")
    ANNOUNCE_END = "announcement.end", _("Announcement ended")

    MACHINE_CREATE = "machine.create", _("Machine requested")
    MACHINE_START = "machine.start", _("Start requested")
    MACHINE_STOP = "machine.stop", _("Stop")
    MACHINE_TERMINATE = "machine.terminate", _("Deletion requested")
    MACHINE_STATUS = "machine.status", _("Status of a machine")
    MACHINE_SIZE = "machine.size", _("Change of size requested")
    MACHINE_AWAKE = "machine.awake", _("Keep awake")
    MACHINE_HOURS = "machine.hours", _("Closing time")

    EXPORT = "export", _("Table downloaded")
    DENIED = "denied", _("Not allowed")
    TOKEN_REFUSED = "token.refused", _("API token refused")
    LETTER = "mail.sent", _("E-mail sent")
    MAIL_AGAIN = "mail.again", _("E-mail sent again")
    MAIL_DROP = "mail.drop", _("E-mail dropped")
    VAULT = "vault.rotate", _("Secrets sealed with another key")
    KEYS = "keys.accept", _("Keys of the deployment replaced")
    AWS = "aws", _("Change in AWS")
    PRUNE = "record.prune", _("Old rows of the record removed")


class Outcome(TextChoices):
    """How an act ended."""

    DONE = "done", _("done")
    REFUSED = "refused", _("refused")
    FAILED = "failed", _("failed")


class Source(TextChoices):
    """The interface that was used."""

    PAGE = "page", _("page")
    API = "api", _("API")
    COMMAND = "command", _("command line")
    WORKER = "worker", _("worker")
