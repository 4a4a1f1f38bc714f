"""Where an act comes from: the request that is answered here, a job, or the command line."""

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
    """Return the address that a request comes from, behind as many proxies as the settings say; empty: not known."""
    try:
        return str(get_adapter().get_client_ip(request))
    except PermissionDenied:  # a proxy that tells none
        return ""


def asker() -> Person | None:
    """Return who asks for what is done here, in a browser or by a program; None: nobody who has signed in."""
    request = context.request
    for person in (getattr(request, "auth", None), getattr(request, "user", None)):
        if person is not None and person.is_authenticated:
            return cast(Person, person)
    return None


def is_request() -> bool:
    """Return whether this is done for a request, of whoever it is."""
    return context.request is not None


def address() -> str:
    """Return where what is done here comes from; empty: no request, or not known."""
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
