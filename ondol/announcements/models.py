"""The present announcement; the record has the earlier ones."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from ondol.accounts.models import User, validate_prose

LONGEST = 300


class Kind(models.TextChoices):
    """How it looks."""

    INFORMATION = "INFORMATION", _("Information")
    WARNING = "WARNING", _("Warning")


class Announcement(models.Model):
    """The one announcement, in one or two languages."""

    ONLY = 1
    """The key of the only row."""

    text_ko = models.TextField(_("Text in Korean"), max_length=LONGEST, blank=True, validators=[validate_prose])
    text_en = models.TextField(_("Text in English"), max_length=LONGEST, blank=True, validators=[validate_prose])
    kind = models.CharField(_("Kind"), max_length=12, choices=Kind.choices, default=Kind.INFORMATION)
    until = models.DateTimeField(_("Shown until"))
    """It is not shown from then on, on the machines' clock."""
    on_sign_in = models.BooleanField(_("On the sign-in page, too: anybody can read it there"), default=False)
    changed_at = models.DateTimeField()
    """When its text or its kind was changed, in real time: people who dismissed it earlier see it again."""
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="one_announcement")]

    @property
    def version(self) -> str:
        """Return the value that a browser stores when its reader dismisses the announcement."""
        return f"{self.changed_at.timestamp():.6f}"

    def in_language(self, language: str | None) -> tuple[str, str]:
        """Return the text for a reader of a language, and the language that it is in."""
        first, other = (self.text_ko, "ko"), (self.text_en, "en")
        if language == "en":
            first, other = other, first
        return first if first[0] else other

    def is_over(self, now: datetime) -> bool:
        return self.until <= now
