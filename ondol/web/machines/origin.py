"""Where an act on machines was asked for, and where its reader returns to."""

from django.http import QueryDict
from django.urls import reverse

from ondol.accounts.models import User
from ondol.web.bulk import address_before


def address_of(said: QueryDict, people: list[int]) -> str:
    """Return the page of the person or the list, as it was, that `from` names; of a person who is not there, the
    list."""
    origin = said.get("from")
    if origin == "person" and len(people) == 1 and User.objects.filter(pk=people[0]).exists():
        return reverse("admin_person", args=people)
    return address_before(said, "admin_overview" if origin == "overview" else "admin_fleet")
