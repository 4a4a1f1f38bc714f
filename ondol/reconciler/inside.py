"""How a worker enters a machine, with a key that is valid for a minute, and changes its authorized keys."""

import re
import shlex
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from ipaddress import IPv4Network
from typing import Any

from ondol.cloud.port import Cloud
from ondol.config import config
from ondol.instances.models import Instance
from ondol.instances.ssh import SSH_USER
from ondol.reconciler import ssh_process
from ondol.reconciler.ssh_process import EnsureWished

STARTS_WITHIN, CONNECTS_WITHIN, DOES_IT_WITHIN = 20.0, 6.0, 10.0
"""Seconds of real time. The client starts in one second, unless its host is very busy. The second limit includes the
time until a new rule of a group applies."""
HEARS = 64 * 1024
"""The most characters that are read from a machine: its owner is root there, and may let it send anything."""
LOCKED_WITHIN = 5
"""Seconds that a change waits inside the machine for another change."""
_DONE = "ondol: the keys are changed"
_BEHIND = "ondol: a later change has been here:"
_LATER = re.compile(rf"^{_BEHIND} ([0-9]{{1,17}})$", re.MULTILINE)


class CannotEnter(Exception):
    """SSH did not let the worker in, or its command did not work; `code` is one of `messages.replacements.CAUSES`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


class Behind(CannotEnter):
    """The machine has carried out a change with a higher number, `last`, and so refuses this one."""

    def __init__(self, last: int) -> None:
        super().__init__("inside", f"a change with the number {last} has been here")
        self.last = last


Change = Callable[[int, str, Collection[str]], None]
"""Adds a line to `~/.ssh/authorized_keys` and removes the lines of some keys, as the change with this number.

Raises CannotEnter; Behind, if one with a higher number has been carried out.
"""
Enter = Callable[[Instance, Cloud, EnsureWished], AbstractContextManager[Change]]


@contextmanager
def enter(instance: Instance, cloud: Cloud, ensure_wished: EnsureWished) -> Iterator[Change]:
    """Enter a running machine, and yield the function that changes its keys. Raises CloudError or CannotEnter.

    What `ensure_wished` raises ends the conversation within a second, whatever the machine is doing.
    """
    address = _address(instance)
    if not address:
        raise CannotEnter("no_address", "it has no address yet")
    with ssh_process.running(ensure_wished) as client:
        key = _asked(client, None, STARTS_WITHIN)["public_key"]
        cloud.send_ssh_public_key(str(instance.instance_id), SSH_USER, key)
        _asked(client, {"address": address, "port": config().ssh_port, "user": SSH_USER}, CONNECTS_WITHIN)

        def change(number: int, add: str, remove: Collection[str]) -> None:
            commands = script(number, add, remove)
            answer = _asked(client, {"commands": commands, "hears": HEARS}, DOES_IT_WITHIN)
            of_change(answer["status"], answer["said"], answer["errors"])

        yield change


def _asked(client: ssh_process.SSHProcess, request: dict[str, Any] | None, within: float) -> dict[str, Any]:
    try:
        answer = client.ask(request, within)
    except ssh_process.NoAnswer as error:
        raise CannotEnter("no_answer", str(error)) from None
    if "code" in answer:
        raise CannotEnter(answer["code"], answer["text"][:200])
    return answer


def of_change(status: int | None, said: str, errors: str) -> None:
    """Read the result of `script`. Raises CannotEnter unless the keys are changed."""
    if later := _LATER.search(said):
        raise Behind(int(later[1]))
    if status != 0 or _DONE not in said:
        raise CannotEnter("inside", f"exit status {status}: {errors.strip()[:200]}")


def _address(instance: Instance) -> str | None:
    """Return the private address if workers come from a private range, else the public one."""
    cidr = config().worker_ssh_cidr
    if not cidr:  # unset since the request
        raise CannotEnter("no_answer", "ONDOL_WORKER_SSH_CIDR names no range")
    ours = IPv4Network(cidr)
    return instance.private_ip if ours.is_private and not ours.is_loopback else instance.public_ip


def script(number: int, add: str, remove: Collection[str]) -> str:
    """Return commands for `sh` that add the public key, and remove the lines with one of the others.

    The file is replaced as a whole, so whoever connects meanwhile finds the old lines or the new ones; it may run
    twice. A symbolic link stays one. All other lines stay as they are.

    A lower number than the last one changes nothing: a worker that was frozen while others replaced the key may send
    its commands, or the rest of them, at any time. So `sh` reads all of them before it does the first, and the number
    is kept before the keys change.
    """
    words = " ".join(f"-e {shlex.quote(key.split()[1])}" for key in (add, *remove))
    return f"""\
{{
set -eu
umask 077
folder="$HOME/.ssh" new= kept=
mkdir -p "$folder"
chmod go-w "$folder"
exec 9<"$folder"
flock -w {LOCKED_WITHIN} 9
last=
if [ -f "$folder/ondol-change" ]; then last=$(head -c 20 "$folder/ondol-change"); fi
case $last in '' | *[!0-9]* | ??????????????????*) last=0 ;; esac
if [ "$last" -gt {number} ]; then
    echo "{_BEHIND} $last"
    exit 1
fi
file=$(readlink -f "$folder/authorized_keys")
trap 'rm -f "$new" "$kept"' EXIT
kept=$(mktemp "$folder/ondol-change.XXXXXXXX")
echo {number} >"$kept"
new=$(mktemp "$file.XXXXXXXX")
if [ -e "$file" ]; then LC_ALL=C grep -avF {words} "$file" >"$new" || [ $? -eq 1 ]; fi
printf '%s\\n' {shlex.quote(add)} >>"$new"
sync "$kept" "$new"
mv -f "$kept" "$folder/ondol-change"
mv -f "$new" "$file"
echo {shlex.quote(_DONE)}
exit
}}
"""
