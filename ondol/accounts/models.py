"""A person, where they stand with the administrators, and their API tokens."""

import unicodedata
from collections.abc import Collection
from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.password_validation import validate_password
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Lower, Now, Upper
from django.utils.translation import gettext_lazy as _

from ondol import clock
from ondol.accounts.text import JOINERS, clean_address, password_forms, refuse_invisible
from ondol.audit import origin
from ondol.audit.record import Action, asker, write
from ondol.outbox.models import MailServerState as MailServerState
from ondol.outbox.models import UndeliveredEmail as UndeliveredEmail

EMAIL_MAX = 254
"""The longest address in RFC 5321, and what allauth stores."""


def validate_email_length(email: str) -> None:
    """Raise ValidationError for an address that is too long: allauth does not check, and PostgreSQL would fail."""
    if len(email) > EMAIL_MAX:
        raise ValidationError(_("The address is longer than 254 characters."), "address_too_long")


def validate_shown(text: str) -> None:
    """Raise ValidationError unless a name, which is shown in e-mails and lists, is one line with visible characters."""
    refuse_invisible(text, JOINERS)
    shown = "".join(letter for letter in text if letter not in JOINERS)
    if not shown.isprintable() or not any(letter.isalnum() for letter in text):
        raise ValidationError(_("Use visible characters on one line."), "not_shown")


def validate_prose(text: str) -> None:
    """Raise ValidationError for control characters, and for invisible ones that no emoji or script needs.

    Several lines are allowed; NUL is not, PostgreSQL cannot store it.
    """
    if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text if letter not in "\t\r\n"):
        raise ValidationError(_("The text contains control characters. Retype it without them."), "control")
    refuse_invisible(text, JOINERS)


def check_new_password(password: str, person: "User | None") -> None:
    """Raise ValidationError for a password that is too weak, counted as it is hashed, or that cannot be typed again."""
    refuse_invisible(password, JOINERS)
    validate_password(password_forms(password)[0], person)


def language_of_installation() -> str:
    """Return the language that applies until a person chooses one."""
    return settings.LANGUAGE_CODE


class Approval(models.TextChoices):
    """Whether a person may use Ondol."""

    PENDING = "PENDING", _("Waiting")
    APPROVED = "APPROVED", _("Approved")
    REJECTED = "REJECTED", _("Rejected")
    SUSPENDED = "SUSPENDED", _("Suspended")


class Role(models.TextChoices):
    """What an approved person may do."""

    MEMBER = "MEMBER", _("Member")
    ADMIN = "ADMIN", _("Administrator")


class UserManager(BaseUserManager["User"]):
    """Creates people by e-mail address; allauth looks them up through it."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        """Create a user. Without a password they can only sign in by a provider or after a reset."""
        user = self.model(email=clean_address(email), **fields)
        user.set_password(password)
        user.save()
        return user


class User(AbstractBaseUser):
    """A person. They sign in by e-mail; `approval` decides what they see, `role` what they may do."""

    email = models.EmailField(_("e-mail address"), max_length=320, unique=True)
    name = models.CharField(_("name"), max_length=100, validators=[validate_shown])
    affiliation = models.CharField(_("affiliation"), max_length=200, blank=True, validators=[validate_shown])
    purpose = models.TextField(_("purpose"), max_length=2000, blank=True, validators=[validate_prose])
    approval = models.CharField(max_length=10, choices=Approval.choices, default=Approval.PENDING, db_index=True)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    decided_by = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.TextField(max_length=1000, blank=True)
    language = models.CharField(
        max_length=5, choices=[("ko", "한국어"), ("en", "English")], default=language_of_installation
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now)
    """The time is on the machines' clock, like that of decisions: pages show both in one list."""

    announced_at = models.DateTimeField(null=True, blank=True)
    """When administrators were told of the request, in real time."""

    administrates_since = models.DateTimeField(null=True, blank=True)
    """When they became an administrator, in real time: from then on they have days to set up a second factor."""

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="one_person_per_email"),
            models.CheckConstraint(condition=models.Q(approval__in=Approval.values), name="known_approval"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="known_role"),
        ]
        indexes = [models.Index(fields=["approval", "-created_at"], name="waiting_first")]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save. If the password is new or was removed, in whatever way, revoke all API tokens.

        New people, passwords and addresses are recorded here, where none can be missed.
        """
        with transaction.atomic():
            is_new = self._state.adding
            if not is_new:
                self._note_changes(kwargs.get("update_fields"))
            super().save(*args, **kwargs)
            if is_new:
                write(
                    Action.SIGN_UP if origin.is_request() else Action.ADD,
                    by=asker(),
                    on=self,
                    approval=self.approval,
                    role=self.role,
                )

    def _note_changes(self, fields: Collection[str] | None) -> None:
        if self._has_new_password():
            revoked, _details = self.api_tokens.all().delete()
            from ondol.accounts.security_letters import record_and_tell  # noqa: PLC0415  it needs these models

            record_and_tell(Action.PASSWORD, self, tokens=revoked, usable=self.has_usable_password())
        if fields is not None and "email" not in fields:
            return
        old = User.objects.filter(pk=self.pk).values_list("email", flat=True).first()
        if old is not None and old != self.email:
            write(Action.EMAIL, by=asker(), on=self, old=old)

    def _has_new_password(self) -> bool:
        """Return whether the password is another one than in the database, and not only hashed in another way."""
        if getattr(self, "_password", None) is not None:  # where Django keeps a new one until it is saved
            return True
        return (
            not self.has_usable_password() and User.objects.filter(pk=self.pk).exclude(password=self.password).exists()
        )

    @property
    def is_approved(self) -> bool:
        return self.is_active and self.approval == Approval.APPROVED

    @property
    def is_admin(self) -> bool:
        return self.is_approved and self.role == Role.ADMIN

    def get_full_name(self) -> str:
        return self.name


class Decision(models.Model):
    """One decision about a person, kept permanently: who, what, why, when."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="decisions")
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    """None if it was made on the command line, or by a rule."""
    what = models.CharField(max_length=20)
    reason = models.TextField(max_length=1000, blank=True)
    rule = models.CharField(max_length=200, blank=True, default="", db_default="")
    """The rule of the institute that made it, such as `groups=radar`; empty if somebody did."""
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["-at", "-id"]


class Invitation(models.Model):
    """The invitation of a person who has never signed in when it was sent. Its times are on real time."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="invitation")
    sent_at = models.DateTimeField()
    until = models.DateTimeField()
    language_is_chosen = models.BooleanField(default=False, db_default=False)
    """Whether the administrator has chosen the language: then it stays until its reader chooses one."""

    @property
    def has_lapsed(self) -> bool:
        return self.until <= clock.real_now()


class Scope(models.TextChoices):
    """What an API token may be used for. `ondol.api.scopes` says which one each operation needs."""

    READ = "read", _("See my machine, its costs and what I may choose")
    MACHINE = "machine", _("Create, start, stop and change my machine, and read its private key")
    ADMINISTRATE = "administrate", _("Approve and suspend people, and delete their machines")


TOKEN_DAYS = 90
"""How long a token lives unless its owner chooses otherwise, and a token from before there were end dates."""


class ApiToken(models.Model):
    """A personal API token. Only its SHA-256 is kept: the token is random, so a plain digest is enough.

    Its times are on real time, like those of sessions.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=60, validators=[validate_shown])
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12)
    scopes = ArrayField(models.CharField(max_length=12), default=list, db_default=[Scope.READ, Scope.MACHINE])
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_default=Now() + timedelta(days=TOKEN_DAYS))
    used_at = models.DateTimeField(null=True, blank=True)
    used_from = models.GenericIPAddressField(null=True, blank=True)
    """Where its last use came from, as far as `used_at` notes it."""

    class Meta:
        ordering = ["-created_at"]

    @property
    def has_expired(self) -> bool:
        return self.expires_at <= clock.real_now()

    @property
    def expires_soon(self) -> bool:
        """Return whether it ends within two weeks, so that its owner should create another one."""
        return not self.has_expired and self.expires_at <= clock.real_now() + timedelta(days=14)

    @property
    def scope_labels(self) -> list[str]:
        """Return what it may be used for, in the reader's language."""
        return [str(scope.label) for scope in Scope if scope in self.scopes]


class SshAddress(models.Model):
    """An address or a range from which a person reaches their machine by SSH, besides those of the settings."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="ssh_addresses")
    cidr = models.CharField(max_length=43)
    """The range as `ipaddress` writes it, with its prefix."""
    label = models.CharField(max_length=60, blank=True, validators=[validate_shown])
    until = models.DateTimeField(null=True, blank=True)
    """When it stops counting, on the machines' clock; None: it counts until it is removed."""
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [models.UniqueConstraint(fields=["user", "cidr"], name="each_range_once")]


class AddressChange(models.Model):
    """One change of somebody's e-mail address, asked for and perhaps made; the rows stay. Its times are real time."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="address_changes")
    old = models.EmailField(max_length=EMAIL_MAX)
    new = models.EmailField(max_length=EMAIL_MAX)
    asked_at = models.DateTimeField(auto_now_add=True)
    made_at = models.DateTimeField(null=True, blank=True)
    void_at = models.DateTimeField(null=True, blank=True)
    """When its link became useless: it or an earlier change was taken back, or the old address was set again."""

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(Upper("old"), name="address_was")]


class CacheEntry(models.Model):
    """One value of the shared cache; `ondol.accounts.cache` reads and writes it."""

    key = models.CharField(primary_key=True, max_length=255)
    value = models.JSONField()
    expires = models.DateTimeField(null=True, db_index=True)

    class Meta:
        db_table = "ondol_cache_entry"
