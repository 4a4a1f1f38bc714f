"""/api/instances/ssh-addresses: from where one's own machine is reached."""

from django.utils.translation import gettext as _
from ninja import Body, Router

from ondol.accounts.models import User
from ondol.accounts.ssh_addresses import address_of, read_range
from ondol.api.auth import PERSON, ApiRequest
from ondol.api.schemas import SshAddress, SshAddressesAnswer, SshAddressWish, refusals
from ondol.api.throttle import PER_PERSON
from ondol.config import config
from ondol.instances import ssh_ranges
from ondol.instances.errors import ActionError

router = Router(auth=PERSON, throttle=PER_PERSON, tags=["my machine"])


@router.get(
    "", response={200: SshAddressesAnswer, **refusals()}, operation_id="ssh_addresses", summary="Who may come in by SSH"
)
def shown(request: ApiRequest) -> SshAddressesAnswer:
    """Return the ranges from which your machine is reached by SSH: everybody's, and your own."""
    return _answer(request.auth)


@router.post(
    "",
    response={200: SshAddressesAnswer, **refusals(400, 409, 422)},
    operation_id="add_ssh_address",
    summary="Let me in from there",
)
def add(request: ApiRequest, wish: Body[SshAddressWish]) -> SshAddressesAnswer:
    """Let your machine be reached from one more address or range, in a few seconds; without a range, from the address
    that this request comes from. The same range again gets the new label and end."""
    words = wish.range if wish.range is not None else address_of(request)
    ssh_ranges.add(request.auth, read_range(words), wish.label, wish.until)
    return _answer(request.auth)


@router.delete(
    "/{int:number}",
    response={200: SshAddressesAnswer, **refusals(404, 422)},
    operation_id="remove_ssh_address",
    summary="Let nobody in from there",
)
def remove(request: ApiRequest, number: int) -> SshAddressesAnswer:
    """Remove one of your own ranges. A session that is open from there may go on."""
    if not ssh_ranges.remove(request.auth, number):
        raise ActionError("no_such_range", _("You have no such range."), "", 404)
    return _answer(request.auth)


def _answer(user: User) -> SshAddressesAnswer:
    wished = set(ssh_ranges.wished(user))
    own = [
        SshAddress(id=one.pk, range=one.cidr, label=one.label, until=one.until, counts=one.cidr in wished)
        for one in user.ssh_addresses.all()
    ]
    return SshAddressesAnswer(shared=list(config().ssh_cidrs or ()), own=own)
