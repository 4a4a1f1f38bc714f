"""The page where administrators write an announcement."""

from django.utils import timezone

from ondol import clock
from ondol.announcements.models import Announcement
from ondol.web.announcement.form import AnnouncementForm
from ondol.web.page import Page


class AnnouncementPage(Page):
    """Ask for text, kind and end; with the announcement that is shown now, also how to end it."""

    template = "announcement/page.html"
    form: AnnouncementForm
    row: Announcement | None

    def __init__(self, form: AnnouncementForm, row: Announcement | None) -> None:
        self.form, self.row = form, row

    @property
    def zone(self) -> str:
        """Return the name of the zone in which the end is meant."""
        return f"{timezone.get_current_timezone_name()}, {timezone.localtime(clock.now()):%Z}"
