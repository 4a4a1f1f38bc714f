"""Django's configuration of this app."""

from django.apps import AppConfig


class AnnouncementsConfig(AppConfig):
    """Announcements."""

    name = "ondol.announcements"
