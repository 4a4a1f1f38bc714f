"""Acts on several rows at once: each is checked, done and recorded separately; then the page says what was done, and
what was not and why."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from ondol.accounts.models import User
from ondol.accounts.people import AccountError
from ondol.instances.errors import ActionError

_NAMED = 5
"""The number of people who are named; the others are counted."""


@dataclass
class Outcome:
    """The result of an act on several people."""

    done: list[str] = field(default_factory=list)
    refused: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Names by the reason for which it was not done."""

    def tell(self, request: HttpRequest, done: Callable[[int], str]) -> None:
        """Report it on the next page; `done` makes the sentence about those for whom it was done."""
        if self.done:
            messages.success(request, done(len(self.done)))
        for reason, names in self.refused.items():
            messages.error(request, f"{_listed(names)}: {reason}")


def for_each(people: Iterable[int], act: Callable[[int], object], words: Callable[[ActionError], str] = str) -> Outcome:
    """Do something for each of these people; one refusal leaves the others as they are."""
    keys, outcome = list(people), Outcome()
    names = {user.pk: user.name for user in User.objects.filter(pk__in=keys).only("name")}
    for pk in keys:
        try:
            act(pk)
        except AccountError as error:
            outcome.refused[str(error)].append(names.get(pk, str(pk)))
        except ActionError as error:
            outcome.refused[words(error)].append(names.get(pk, str(pk)))
        else:
            outcome.done.append(names.get(pk, str(pk)))
    return outcome


def asked_for(request: HttpRequest, name: str) -> tuple[QueryDict, str]:
    """Return the query of a list and the path of its links: a refused form shows the same list at another address."""
    return (request.GET, "") if request.method in {"GET", "HEAD"} else (_list_before(request.POST), reverse(name))


def back_to(request: HttpRequest, name: str) -> HttpResponse:
    """Return to a page of a list as it was: sorted, filtered and searched."""
    return redirect(address_before(request.POST, name))


def address_before(said: QueryDict, name: str) -> str:
    """Return the address of a list as it was where this was sent."""
    query = _list_before(said).urlencode()
    return f"{reverse(name)}?{query}" if query else reverse(name)


def _list_before(said: QueryDict) -> QueryDict:
    return QueryDict(said.get("back", "").replace("\x00", "")[:1000].lstrip("?"))


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" + {more}" if more > 0 else "")
