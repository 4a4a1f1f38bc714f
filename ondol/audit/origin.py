"""Where an act comes from: the present request, a job, or the command line."""

from typing import Any, Protocol, cast

from allauth.account.adapter import get_adapter
from allauth.core import context
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from ondol.audit.actions import Source
from ondol.request_id import job_id, request_id


class Person(Protocol):
    """What the record needs of somebody."""

    @property
    def pk(self) -> Any: ...

    @property
    def email(self) -> str: ...


def address_of(request: HttpRequest) -> str:
    """Return the client's address of a request, behind as many proxies as the settings say; empty: not known."""
    try:
        return str(get_adapter().get_client_ip(request))
    except PermissionDenied:  # the proxy sends none
        return ""


def asker() -> Person | None:
    """Return the signed-in person of the present request, by browser or token; None if there is none."""
    request = context.request
    for person in (getattr(request, "auth", None), getattr(request, "user", None)):
        if person is not None and person.is_authenticated:
            return cast(Person, person)
    return None


def is_request() -> bool:
    """Return whether there is a present request, of whomever."""
    return context.request is not None


def address() -> str:
    """Return the client's address of the present request; empty: no request, or not known."""
    return address_of(context.request) if context.request is not None else ""


def fields() -> dict[str, Any]:
    """Return the fields of an entry that say where it comes from."""
    request, job = context.request, job_id.get()
    known = {"request_id": request_id.get(), "job_id": job}
    if request is None:
        return {**known, "source": Source.COMMAND if job is None else Source.WORKER}
    agent = "".join(letter for letter in request.headers.get("User-Agent", "") if letter.isprintable())
    source = Source.API if request.path.startswith("/api/") else Source.PAGE
    return {**known, "source": source, "address": address_of(request), "agent": agent[:200]}
