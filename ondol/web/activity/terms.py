"""Words for details of a row that have a few fixed values."""

from django.utils.translation import gettext_lazy

from ondol.web.activity.details import Words

FIELDS: Words = {
    "name": gettext_lazy("name"),
    "affiliation": gettext_lazy("affiliation"),
    "purpose": gettext_lazy("purpose"),
    "language": gettext_lazy("language"),
}
ORIGINS: Words = {
    "aws": gettext_lazy("made by AWS"),
    "own": gettext_lazy("their own"),
    "browser": gettext_lazy("made in the browser"),
}
FORMS: Words = {"pem": gettext_lazy("for OpenSSH"), "ppk": gettext_lazy("for PuTTY")}
FACTORS: Words = {
    "totp": gettext_lazy("authenticator app"),
    "webauthn": gettext_lazy("passkey"),
    "recovery_codes": gettext_lazy("recovery codes"),
}
METHODS: Words = {
    "password": gettext_lazy("by password"),
    "password_reset": gettext_lazy("by a link for a new password"),
    "code": gettext_lazy("by a code"),
    "mfa": gettext_lazy("by a second factor"),
    "socialaccount": gettext_lazy("by another account"),
}
TABLES: Words = {
    "activity": gettext_lazy("activity"),
    "costs": gettext_lazy("costs"),
    "people": gettext_lazy("people"),
    "machines": gettext_lazy("machines"),
}
LETTERS: Words = {
    "address_taken": gettext_lazy("notice that the address has an account already"),
    "budget": gettext_lazy("notice about the budget"),
    "decision": gettext_lazy("decision about the account"),
    "done_by_administrator": gettext_lazy("notice of what an administrator did with the machine"),
    "findings": gettext_lazy("findings of the check-up"),
    "invitation": gettext_lazy("invitation"),
    "key_replaced": gettext_lazy("notice of a replaced key"),
    "letters_left_out": gettext_lazy("notice of e-mails that were left out"),
    "message": gettext_lazy("message of an administrator"),
    "old_address": gettext_lazy("notice of a new address, to the old one"),
    "request": gettext_lazy("notice of a request"),
    "requests": gettext_lazy("notice of requests"),
    "role": gettext_lazy("notice of a changed role"),
    "security": gettext_lazy("security notice"),
    "stop": gettext_lazy("warning before a stop"),
    "tampered": gettext_lazy("warning of a key changed in the database"),
    "trouble": gettext_lazy("notice of a problem"),
    "password_reset_key": gettext_lazy("link for a new password"),
    "email_confirmation": gettext_lazy("link to confirm the address"),
    "email_confirmation_signup": gettext_lazy("link to confirm the address"),
    "unknown_account": gettext_lazy("notice that the address has no account"),
    "account_already_exists": gettext_lazy("notice that the address has an account already"),
}
