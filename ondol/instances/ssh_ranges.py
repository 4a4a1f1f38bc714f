"""Which addresses may reach a machine by SSH. Nothing here calls AWS: the reconciler sets the security group."""

import ipaddress
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from ondol import clock
from ondol.accounts.models import SshAddress, User, validate_shown
from ondol.accounts.security_letters import record_and_tell
from ondol.accounts.ssh_addresses import Network
from ondol.accounts.text import clean_line
from ondol.audit.record import Action, asker, refusals_of, write
from ondol.config import config
from ondol.instances.errors import ActionError
from ondol.instances.jobs import enqueue
from ondol.instances.models import Instance
from ondol.instances.states import Status
from ondol.policy.rules import Rules, rules_for, rules_of
from ondol.whom_to_ask import ask


def wished(owner: User) -> tuple[str, ...]:
    """Return the ranges that may reach the machine of this person."""
    return wished_by([owner])[owner.pk]


def wished_by(owners: Collection[User]) -> dict[int, tuple[str, ...]]:
    """Return the same for many people, by id. THE place that decides it: without a range, nobody gets in."""
    own: defaultdict[int, list[SshAddress]] = defaultdict(list)
    for address in SshAddress.objects.filter(user__in=owners):
        own[address.user_id].append(address)
    rules = rules_for([owner.pk for owner in owners])
    get_keys = set(Instance.objects.filter(owner__in=owners, is_key_due=True).values_list("owner_id", flat=True))
    cidr = config().worker_ssh_cidr
    ours = (cidr,) if cidr else ()
    return {
        owner.pk: _of(owner, own[owner.pk], rules[owner.pk], ours if owner.pk in get_keys else ()) for owner in owners
    }


def _of(owner: User, own: Iterable[SshAddress], rules: Rules, ours: Iterable[str]) -> tuple[str, ...]:
    """Return one person's ranges; `ours` are those of workers that are about to replace the machine's key."""
    if not owner.is_approved:
        return ()
    counting = [address.cidr for address in own if counts(address, rules)]
    return tuple(dict.fromkeys([*(config().ssh_cidrs or ()), *counting[: rules.ssh_addresses], *ours]))


def counts(address: SshAddress, rules: Rules) -> bool:
    """Return whether an address is let in: it has not expired, and is no wider than is permitted now."""
    is_over = address.until is not None and address.until <= clock.now()
    return not is_over and is_narrow(ipaddress.ip_network(address.cidr), rules)


def is_narrow(network: Network, rules: Rules) -> bool:
    """Return whether a range is no wider than these rules permit."""
    return network.prefixlen >= rules.ssh_prefix * (1 if network.version == 4 else 2)


@refusals_of(Action.SSH_ADD)
def add(user: User, network: Network, label: str = "", until: datetime | None = None) -> SshAddress:
    """Let one more range reach a person's machine; if the range exists, it gets this label and end.

    Raises ActionError for what is not permitted.
    """
    rules, label = rules_of(user.pk), _shown(label)
    if until is not None and until <= clock.now():
        raise ActionError("past", _("This end has already passed."), _("Choose a later one, or none."))
    if not is_narrow(network, rules):
        raise ActionError(
            "too_wide",
            _("%(range)s is wider than is permitted.") % {"range": network},
            _("Write your address alone, or a range of at most %(widest)s.")
            % {"widest": type(rules).ssh_prefix.describe(rules.ssh_prefix)},
        )
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # so that two requests at once do not exceed the limit
        others = SshAddress.objects.filter(user=user).exclude(cidr=str(network))
        if sum(counts(address, rules) for address in others) >= rules.ssh_addresses:
            raise ActionError(
                "too_many",
                _("At most %(n)d addresses of your own are permitted.") % {"n": rules.ssh_addresses},
                ask(_("Remove one that you no longer need, or ask an administrator.")),
            )
        others.filter(until__lte=clock.now()).delete()
        values = {"label": label, "until": until}
        address, _is_new = SshAddress.objects.update_or_create(user=user, cidr=str(network), defaults=values)
        record_and_tell(Action.SSH_ADD, user, by=asker() or user, range=str(network), until=str(until or ""))
        _set_group(user)
    return address


def _shown(label: str) -> str:
    try:
        if label := clean_line(label):
            validate_shown(label)
    except ValidationError as error:
        raise ActionError("label", " ".join(error.messages)) from None
    return label


def remove(user: User, pk: int) -> bool:
    """Remove one of a person's own ranges; False: they have no such range."""
    with transaction.atomic():
        row = SshAddress.objects.select_for_update().filter(user=user, pk=pk).first()
        if row is None:
            return False
        row.delete()
        write(Action.SSH_REMOVE, by=asker() or user, on=user, range=row.cidr)
        _set_group(user)
    return True


def _set_group(user: User) -> None:
    """Let the reconciler set the security group of their machine, in the caller's transaction."""
    row = Instance.objects.select_for_update().filter(owner=user).exclude(status=Status.TERMINATED).first()
    if row:
        Instance.objects.filter(pk=row.pk).update(ssh_ranges_at=None, next_at=None)
        enqueue(row)
