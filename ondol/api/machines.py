"""/api/instances: one's own machine."""

from django.http import HttpResponse
from ninja import Body, Query, Router, Status

from ondol.accounts.models import User
from ondol.api import shown
from ondol.api.auth import PERSON, ApiRequest, require_recent_sign_in
from ondol.api.schemas import Awake, KeyWish, MachineAnswer, MachineWish, OffersAnswer, SizeWish, WhichForm, refusals
from ondol.api.throttle import PER_PERSON
from ondol.autostop import awake
from ondol.costs.offers import offers_for
from ondol.instances import actions
from ondol.instances.key_file import take_key
from ondol.instances.key_replacement import replace_key
from ondol.instances.models import Instance
from ondol.instances.resizing import change_size

router = Router(auth=PERSON, throttle=PER_PERSON, tags=["my machine"], by_alias=True)  # for old names

_KEY = {
    "responses": {
        200: {
            "description": "The private key as a file",
            "content": {
                "text/plain": {
                    "schema": {"type": "string"},
                    "examples": {
                        "pem": {"value": "-----BEGIN RSA PRIVATE KEY-----\n…\n-----END RSA PRIVATE KEY-----\n"}
                    },
                }
            },
        }
    }
}


@router.get("/status", response={200: MachineAnswer, **refusals()}, operation_id="status", summary="My machine")
def status(request: ApiRequest) -> MachineAnswer:
    """Return your machine, from the database: ask as often as you like, up to ten times a second."""
    return answer_for(request.auth)


def answer_for(person: User) -> MachineAnswer:
    """Return the status of somebody's machine."""
    row = actions.current(person)
    # Constructed: the machine has been checked, and would be once more with all its parts.
    return MachineAnswer.model_construct(instance=shown.machine(row, person) if row else None)


@router.get("/offers", response={200: OffersAnswer, **refusals()}, operation_id="offers", summary="What I may choose")
def offers(request: ApiRequest) -> OffersAnswer:
    """Return the types you may choose, smallest first, with their prices, and disks; of an existing machine, its new
    sizes."""
    return shown.offers(offers_for(request.auth, actions.current(request.auth)))


@router.post(
    "", response={202: MachineAnswer, **refusals(400, 409, 422)}, operation_id="create", summary="Make a machine"
)
def create(request: ApiRequest, wish: Body[MachineWish | None] = None) -> Status[MachineAnswer]:
    """Create your machine in the background, in about a minute: ask for the status. Asking twice makes one machine."""
    public_key = wish.public_key if wish else None
    if public_key is not None:
        require_recent_sign_in(request)
    size = wish.size if wish else (None, None)
    return _accepted(request, actions.create(request.auth, *size, public_key))


@router.post(
    "/size",
    response={202: MachineAnswer, **refusals(400, 404, 409, 422)},
    operation_id="size",
    summary="Change the type or grow the disk",
)
def size(request: ApiRequest, wish: Body[SizeWish]) -> Status[MachineAnswer]:
    """Change the type of a stopped machine, or enlarge the disk of a running or stopped one, four times in
    24 hours. Ubuntu uses the new space from the next start. If AWS refuses, the machine stays as it is."""
    return _accepted(request, change_size(request.auth, *wish.size))


@router.post(
    "/start", response={202: MachineAnswer, **refusals(404, 409)}, operation_id="start", summary="Start my machine"
)
def start(request: ApiRequest) -> Status[MachineAnswer]:
    """Start your machine; one that already runs stays as it is. It gets a new address."""
    return _accepted(request, actions.start(request.auth))


@router.post(
    "/stop", response={202: MachineAnswer, **refusals(404, 409)}, operation_id="stop", summary="Stop my machine"
)
def stop(request: ApiRequest) -> Status[MachineAnswer]:
    """Stop your machine; one that is already stopped stays as it is. The disk is kept."""
    return _accepted(request, actions.stop(request.auth))


@router.post(
    "/keep-awake",
    response={202: MachineAnswer, **refusals(400, 404, 409, 422)},
    operation_id="keep_awake",
    summary="Keep my machine awake",
)
def keep_awake(request: ApiRequest, wish: Body[Awake]) -> Status[MachineAnswer]:
    """Keep your machine running although it idles, until the given time, even while Ondol is away.
    An administrator sets the longest time. A later request replaces an earlier one."""
    user = request.auth
    return _accepted(request, awake.keep_awake(user, wish.until) if wish.until else awake.end_awake(user))


@router.post(
    "/ssh-key",
    response={200: None, **refusals(404, 422)},
    operation_id="ssh_key",
    summary="My private key",
    openapi_extra=_KEY,
)
def ssh_key(request: ApiRequest, which: Query[WhichForm]) -> HttpResponse:
    """Return your private key, as `pem` for OpenSSH or as `ppk` for PuTTY. Save it so that only you can read it. Of a
    key of your own there is none here: `key_not_kept`."""
    file = take_key(request.auth, which.format)
    return HttpResponse(
        file.text.encode("ascii"),
        content_type="text/plain; charset=us-ascii",
        headers={"Content-Disposition": f'attachment; filename="{file.name}"'},
    )


@router.post(
    "/ssh-key/replacement",
    response={202: MachineAnswer, **refusals(400, 404, 409, 422)},
    operation_id="replace_ssh_key",
    summary="Replace the key of my machine",
)
def replace_ssh_key(request: ApiRequest, wish: Body[KeyWish | None] = None) -> Status[MachineAnswer]:
    """Let another key open your machine instead of the present one, within seconds, or as soon as it runs. Until then
    the present one opens it: `key_replacement` of the status tells. Keys that you have added yourself stay."""
    return _accepted(request, replace_key(request.auth, wish.public_key if wish else ""))


def _accepted(request: ApiRequest, row: Instance) -> Status[MachineAnswer]:
    return Status(202, MachineAnswer(instance=shown.machine(row, request.auth)))
