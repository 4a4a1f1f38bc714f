"""Django's entry for this part."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The record."""

    name = "ondol.audit"
