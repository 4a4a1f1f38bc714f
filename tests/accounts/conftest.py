"""People with names."""

import pytest

from ondol.accounts.models import Approval, Role, User


def person(who, approval=Approval.APPROVED, role=Role.MEMBER, **fields):
    """Return somebody with an account."""
    fields = {"name": who.title(), "affiliation": "KIGAM", "purpose": "InSAR", "language": "en"} | fields
    return User.objects.create_user(f"{who}@example.org", approval=approval, role=role, **fields)


@pytest.fixture
def ada(db):
    """Return Ada, an administrator."""
    return person("ada", role=Role.ADMIN)


@pytest.fixture
def alice(db):
    return person("alice")


@pytest.fixture
def carol(db):
    """Return Carol, whose request is pending."""
    return person("carol", Approval.PENDING)
