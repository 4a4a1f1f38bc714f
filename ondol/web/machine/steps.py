"""The progress of a machine on its way to running, read from its row."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ondol import clock
from ondol.instances.models import Instance
from ondol.instances.observation import View
from ondol.instances.states import Status


@dataclass(frozen=True, slots=True)
class Step:
    """One step; exactly one that is not done is the current one."""

    name: str
    label: str | Promise
    state: str
    """The progress: `done`, `current` or `todo`."""
    detail: str | Promise = ""
    """The part that is waited for, if the step has parts."""
    slow: bool = False
    """True if it takes more than twice its usual time."""


@dataclass(frozen=True, slots=True)
class _Kind:
    label: str | Promise
    usual: float
    """The usual real seconds at AWS."""


_KINDS = {
    "network": _Kind(_("Preparing the network"), 8),
    "key": _Kind(_("Preparing the key"), 8),
    "server": _Kind(_("Starting the server"), 15),
    "auto-stop": _Kind(_("Setting auto-stop"), 15),
    "ready": _Kind(_("Ready to connect"), 45),
}
_OF_STATUS = {
    Status.PENDING: ("network", "key", "server", "auto-stop", "ready"),
    # Armed before the start is asked for: if we die in between, the machine still stops by itself.
    Status.STARTING: ("auto-stop", "server", "ready"),
}
_BOOTING: dict[str, str | Promise] = {
    View.PENDING: _("The server is booting."),
    View.RUNNING: _("The server runs; SSH is next."),
}


def steps_of(instance: Instance, *, has_key: bool, now: datetime) -> tuple[Step, ...]:
    """Return the steps of a machine that is being created or started, in order; none in any other status."""
    return tuple(_steps(instance, has_key, now))


def _steps(instance: Instance, has_key: bool, now: datetime) -> Iterator[Step]:
    current_found = False
    for name in _OF_STATUS.get(Status(instance.status), ()):
        kind = _KINDS[name]
        if _is_done(name, instance, has_key):
            yield Step(name, kind.label, "done")
        elif current_found:
            yield Step(name, kind.label, "todo")
        else:
            current_found = True
            slow = now - _began(name, instance) > 2 * clock.real_seconds(kind.usual)
            yield Step(
                name, kind.label, "current", _BOOTING.get(instance.seen_view, "") if name == "ready" else "", slow
            )


def _is_done(name: str, instance: Instance, has_key: bool) -> bool:
    match name:
        case "network":
            return bool(instance.security_group_id)
        case "key":
            return has_key
        case "server":  # AWS is starting it; the last step waits for the boot
            return instance.instance_id is not None and instance.seen_view in _BOOTING
        case "auto-stop":
            return instance.is_armed
    return instance.run.ready_at is not None


def _began(name: str, instance: Instance) -> datetime:
    """Return when the step before it was over, as far as the row shows; never before the status was entered."""
    if name in {"auto-stop", "ready"} and instance.seen_since is not None:
        return max(instance.status_since, instance.seen_since)
    return instance.status_since
