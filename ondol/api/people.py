"""/api/admin: people, decisions about them, and the end of their machines."""

from typing import Annotated

from ninja import Path, Query, Router, Status

from ondol.accounts import people, proof
from ondol.accounts.models import User
from ondol.api import shown
from ondol.api.auth import ADMINISTRATOR, ApiRequest
from ondol.api.schemas import (
    People,
    PerhapsVouched,
    PerhapsWhy,
    Person,
    PersonWithMachine,
    SummaryAnswer,
    WhichPeople,
    Why,
    refusals,
)
from ondol.api.throttle import PER_PERSON
from ondol.instances import actions
from ondol.instances.models import Instance

router = Router(auth=ADMINISTRATOR, throttle=PER_PERSON, tags=["administration"])

UserId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/users", response={200: People, **refusals(422)}, operation_id="users", summary="People")
def users(request: ApiRequest, which: Query[WhichPeople]) -> People:
    """Return everybody with their machine."""
    found = people.listed(which.search, which.approval).order_by("pk")
    some = list(found[which.offset : which.offset + which.limit])
    machines, proven = actions.machines_of(some), proof.proven_among([user.pk for user in some])
    users = [_with_machine(user, machines.get(user.pk), user.pk in proven) for user in some]
    return People(users=users, total=found.count())


@router.post(
    "/users/{int:user_id}/approve",
    response={200: Person, **refusals(400, 404, 409, 422)},
    operation_id="approve",
    summary="Let somebody in",
)
def approve(request: ApiRequest, user_id: UserId, vouched: PerhapsVouched | None = None) -> Person:
    """Approve a request, or let a suspended person in again. They get an e-mail.

    If their address is not proven, the code is `address_not_proven`, unless you vouch for it."""
    return Person.from_orm(people.approve(user_id, request.auth, vouches=bool(vouched and vouched.vouches)))


@router.post(
    "/users/{int:user_id}/reject",
    response={200: Person, **refusals(400, 404, 409, 422)},
    operation_id="reject",
    summary="Refuse a request",
)
def reject(request: ApiRequest, user_id: UserId, why: Why) -> Person:
    """Reject a request. The person reads the reason in an e-mail."""
    return Person.from_orm(people.reject(user_id, request.auth, why.reason))


@router.post(
    "/users/{int:user_id}/suspend",
    response={200: Person, **refusals(400, 404, 409, 422)},
    operation_id="suspend",
    summary="Shut somebody out",
)
def suspend(request: ApiRequest, user_id: UserId, why: PerhapsWhy | None = None) -> Person:
    """Suspend a person. Their sessions and tokens end, and their machine stops; its disk stays until you terminate
    it."""
    return Person.from_orm(people.suspend(user_id, request.auth, why.reason if why else ""))


@router.delete(
    "/users/{int:user_id}/instance",
    response={202: SummaryAnswer, **refusals(404, 409, 422)},
    operation_id="terminate",
    summary="End somebody's machine",
)
def terminate(request: ApiRequest, user_id: UserId) -> Status[SummaryAnswer]:
    """Terminate a person's machine with its disk and all data, in the background. Asking twice changes nothing."""
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise people.no_such_person()
    return Status(202, SummaryAnswer(instance=shown.summary(actions.terminate(user, by=request.auth))))


def _with_machine(user: User, row: Instance | None, is_proven: bool) -> PersonWithMachine:
    machine = shown.summary(row) if row else None
    return PersonWithMachine(**Person.from_orm(user).model_dump(), instance=machine, email_proven=is_proven)
