"""The page for people who are not approved."""

from ondol.accounts.models import User
from ondol.web.page import Page


class StandingPage(Page):
    """Say that they wait, or were rejected or suspended, and why."""

    template = "standing/page.html"
    person: User

    def __init__(self, person: User) -> None:
        self.person = person


class SecondFactorPage(Page):
    """Tell an administrator that a second factor is missing."""

    template = "standing/second_factor.html"
