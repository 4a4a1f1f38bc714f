"""The replacement of a running machine's key. Every part may run twice, and at each moment the key that the row names
opens the machine."""

import logging
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import transaction

from ondol import clock
from ondol.audit.record import Action, Outcome, write
from ondol.cloud.errors import CloudError, Refused, is_denial
from ondol.deployment import fingerprints
from ondol.instances import key_letters, own_keys, sealed
from ondol.instances.models import Instance, KeyOrigin, KeyReplacement, SshKey
from ondol.instances.replacements import MAX_TRIES, ReplacementState
from ondol.instances.ssh import new_stem
from ondol.instances.states import Status
from ondol.keys import fingerprint, vault
from ondol.reconciler import resources
from ondol.reconciler.inside import Behind, CannotEnter, Change
from ondol.reconciler.job_lease import JobLeaseLost
from ondol.reconciler.lag import is_fresh
from ondol.reconciler.references import new_reference
from ondol.reconciler.tags import tags

if TYPE_CHECKING:
    from ondol.reconciler.steps import Context

log = logging.getLogger(__name__)

AGAIN_MAX = timedelta(seconds=30)


class _Replaced(Exception):
    """The request has been replaced or given up meanwhile."""


def is_put_off(instance: Instance) -> bool:
    """Return whether the next try to replace its key is not due yet, or there is nothing to do."""
    wish = KeyReplacement.objects.filter(instance=instance).first()
    return wish is None or wish.is_put_off(clock.real_now())


def replace_key(instance: Instance, context: "Context") -> None:
    """Add the new key, record it as the machine's, remove the old one, and tell the owner."""
    wish = KeyReplacement.objects.get(instance=instance)
    try:
        with context.enter(instance, context.cloud, partial(_ensure_wished, wish)) as change:
            if wish.state == ReplacementState.ASKED:
                _switch(wish, instance, context, change)
            _change(wish, context, change, _others(wish))
        if wish.old_key_pair_name:
            context.cloud.delete_key(wish.old_key_pair_name)
        _done(wish, instance, context)
    except _Replaced:
        return
    except (CloudError, CannotEnter, vault.VaultError) as error:
        with suppress(_Replaced):
            _not_done(wish, instance, error, context)
    except (JobLeaseLost, fingerprints.OtherKeys):
        raise
    except Exception as error:  # given up in the end, like any other trouble
        with suppress(_Replaced):
            _not_done(wish, instance, error, context)
        raise


def _ensure_wished(wish: KeyReplacement) -> None:
    """Raise _Replaced once another request has come, or the machine shall not run any more.

    A machine may keep a worker waiting, and its stop and the closing of its group come after this job.
    """
    same = KeyReplacement.objects.filter(pk=wish.pk, request=wish.request, state=wish.state)
    found = same.select_related("instance__owner").first()
    if found is None or found.instance.status != Status.RUNNING or not found.instance.owner.is_approved:
        raise _Replaced


def _switch(wish: KeyReplacement, instance: Instance, context: "Context", change: Change) -> None:
    """Add the new key to the machine, and then record it as the machine's key."""
    key = SshKey.objects.select_related("instance").get(instance=instance)
    old = sealed.public_key_of(key)
    pem = _made(wish, instance, context) if wish.origin == KeyOrigin.AWS else ""
    _change(wish, context, change, [other for other in _others(wish) if other != old])
    with transaction.atomic():
        Instance.objects.select_for_update().get(pk=instance.pk)
        _note(
            wish, context, state=ReplacementState.SWITCHED, tries=0, failure="",
            unwanted=[*wish.unwanted, old], old_key_pair_name=instance.key_pair_name,
        )  # fmt: skip
        if pem:
            fingerprints.hold_sealing_key()
        shown = fingerprint.of_made_by_aws(pem) if pem else fingerprint.of_imported(wish.public_key)
        SshKey.objects.filter(pk=key.pk).update(
            origin=wish.origin,
            key_pair_name=wish.key_pair_name,
            sealed_private_key=sealed.seal_key(instance, pem, shown) if pem else b"",
            public_key="" if pem else wish.public_key,
            comment=wish.comment,
            fingerprint=shown,
            file_stem=_stem(wish, instance),
            created_at=clock.now(),
        )
        Instance.objects.filter(pk=instance.pk).update(key_pair_name=wish.key_pair_name)
        machine = str(instance.pk)
        write(Action.KEY_CHANGE, on=instance.owner, machine=machine, origin=wish.origin, fingerprint=shown)


def _made(wish: KeyReplacement, instance: Instance, context: "Context") -> str:
    """Return the private half of a pair that AWS makes now. The pair of an earlier try is of no use, and is deleted."""
    if wish.key_pair_name:
        context.cloud.delete_key(wish.key_pair_name)
    lost = [wish.public_key] if wish.public_key else []
    name = resources.new_key_name(instance)
    _note_alone(wish, context, key_pair_name=name, public_key="", unwanted=[*wish.unwanted, *lost])
    pem = context.cloud.create_key(name, tags(instance)).private_key
    try:
        _note_alone(wish, context, public_key=sealed.public_half(pem))
    except (JobLeaseLost, _Replaced):  # the worker that goes on deleted this name before we created it
        with suppress(CloudError):
            context.cloud.delete_key(name)
        raise
    return pem


def _change(wish: KeyReplacement, context: "Context", change: Change, remove: Collection[str]) -> None:
    """Change the keys on the machine, unless another worker has taken this job over."""
    number = _number(wish, context)
    try:
        change(number, wish.public_key, remove)
    except Behind as error:  # also after a dump was restored: the next try continues from the machine's number
        _number(wish, context, above=error.last)
        raise


def _number(wish: KeyReplacement, context: "Context", above: int = 0) -> int:
    """Return the number of the next change on this machine; no number is given twice. Raises JobLeaseLost."""
    with transaction.atomic():
        Instance.objects.select_for_update().get(pk=wish.instance.pk)  # a new request goes on from this one's number
        last = KeyReplacement.objects.filter(pk=wish.pk).values_list("last_change", flat=True).first() or 0
        _note(wish, context, last_change=max(last, above) + 1)
    return wish.last_change


def _stem(wish: KeyReplacement, instance: Instance) -> str:
    """Return a new file name for the new key, so that a download does not overwrite the old file."""
    match wish.origin:
        case KeyOrigin.AWS:
            return f"{new_stem(instance)}-{wish.request.hex[:4]}"
        case KeyOrigin.BROWSER:
            return own_keys.stem_of(instance.owner, wish.public_key)
    return ""


def _others(wish: KeyReplacement) -> list[str]:
    return [key for key in wish.unwanted if key != wish.public_key]


def _done(wish: KeyReplacement, instance: Instance, context: "Context") -> None:
    with transaction.atomic():
        _over(wish, instance, context, state=ReplacementState.DONE, failure="", unwanted=[], old_key_pair_name="")
        key_letters.tell_later(instance)
    log.info("a key was replaced", extra={"row": str(instance.pk), "origin": wish.origin})


def _over(wish: KeyReplacement, instance: Instance, context: "Context", **fields: Any) -> None:
    """Record that it is over, in the caller's transaction: the group stops letting workers in."""
    Instance.objects.select_for_update().get(pk=instance.pk)
    _note(wish, context, tries=0, next_at=None, ended_at=clock.now(), **fields)
    Instance.objects.filter(pk=instance.pk).update(is_key_due=False, ssh_ranges_at=None)


def _not_done(wish: KeyReplacement, instance: Instance, error: Exception, context: "Context") -> None:
    """Try again soon. While nothing has changed, give up after some tries, or at once if trying again cannot help."""
    code = _code_of(error)
    is_lag = isinstance(error, CloudError) and is_denial(error) and is_fresh(instance)
    is_final = isinstance(error, Refused | vault.VaultError) and not is_lag
    tries = wish.tries + 1
    told = {"row": str(instance.pk), "code": code, "state": wish.state, "tries": tries}
    if wish.state == ReplacementState.ASKED and (is_final or tries >= MAX_TRIES):
        reference = new_reference()
        with transaction.atomic():
            _over(wish, instance, context, state=ReplacementState.FAILED, failure=code, error_ref=reference)
            machine = str(instance.pk)
            write(
                Action.KEY_CHANGE, on=instance.owner, outcome=Outcome.FAILED, code=code,
                machine=machine, reference=reference,
            )  # fmt: skip
        log.error("gave up replacing a key: %s", error, extra=told | {"reference": reference})
        return
    log.warning("a key is not replaced yet: %s", error, extra=told)
    wait = min(timedelta(seconds=2.0 ** min(wish.tries, 10)), AGAIN_MAX)
    _note_alone(wish, context, failure=code, tries=tries, next_at=clock.real_now() + wait)


def _code_of(error: Exception) -> str:
    match error:
        case CloudError() | CannotEnter():
            return error.code[:80]
        case vault.VaultError():
            return "sealed"
    return "internal"


def _note_alone(wish: KeyReplacement, context: "Context", **fields: Any) -> None:
    with transaction.atomic():
        _note(wish, context, **fields)


def _note(wish: KeyReplacement, context: "Context", **fields: Any) -> None:
    """Save these fields if the request is still the present one."""
    context.ensure_job_lease()
    same = KeyReplacement.objects.filter(pk=wish.pk, request=wish.request, state=wish.state)
    if not same.update(**fields):
        raise _Replaced
    for name, value in fields.items():
        setattr(wish, name, value)
