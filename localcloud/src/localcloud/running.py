"""The process of the cloud: says that it is ready, and ends at a signal."""

import argparse
import asyncio
import errno
import gc
import logging
import resource
import signal
import socket
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from localcloud.clock import Clock
from localcloud.home import Home, Identity
from localcloud.iam.policy import BadPolicy
from localcloud.sandboxes.addresses import free_ssh_port
from localcloud.sandboxes.conversation import Conversation
from localcloud.sandboxes.folders import sweep
from localcloud.sandboxes.isolation import Isolation
from localcloud.sandboxes.sandboxes import Sandboxes
from localcloud.sandboxes.ssh import quiet_asyncssh
from localcloud.server import Application, Server
from localcloud.trimmed_moto import import_moto

if TYPE_CHECKING:
    from localcloud.parts import Parts

log = logging.getLogger(__name__)

SSH_PORT = 2222
REGION = "ap-northeast-2"
ENDS_WITHIN = 6
"""Seconds after the signal to end until the kernel kills the cloud, even if its event loop hangs.
Every change is on disk before its answer, so nothing is lost; the next process waits for the home a little longer than
this."""

_ENDING = (signal.SIGTERM, signal.SIGINT)


class CannotStart(Exception):
    """A cloud that cannot start; the text is one sentence for a person."""


def run(home: Home, clock: Clock, isolation: Isolation, channel: socket.socket, options: argparse.Namespace) -> int:
    try:
        identity = _identity(home, options)
        log.info(isolation.describe())
        import_moto(identity.region, identity.account_id)
        _check_region(identity.region)
        quiet_asyncssh()
        _allow_many_connections()
        return asyncio.run(_serve(home, identity, clock, isolation, channel, options))
    except (CannotStart, BadPolicy) as problem:
        log.error("%s", problem)
        return 1


def _identity(home: Home, options: argparse.Namespace) -> Identity:
    """Return the identity, to be saved once the cloud runs. Earlier choices stay if possible."""
    identity = home.identity()
    region = options.region or identity.region or REGION
    if identity.region and region != identity.region:
        raise CannotStart(f"this home is a cloud in {identity.region}; give {region} a home of its own")
    try:
        ssh_port = free_ssh_port(options.ssh_port or identity.ssh_port or SSH_PORT)
    except OSError as problem:
        raise CannotStart(str(problem)) from problem
    if identity.ssh_port and ssh_port != identity.ssh_port:
        log.warning("machines answered on port %s and answer on %s from now on", identity.ssh_port, ssh_port)
    return replace(identity, region=region, ssh_port=ssh_port)


def _check_region(region: str) -> None:
    """Refuse a region without instance types here, such as those of GovCloud and China: nothing could be launched."""
    from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS  # noqa: PLC0415 - only after import_moto

    if not INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region):
        raise CannotStart(f"this cloud has no instance types in {region}: choose a region of AWS's standard partition")


async def _serve(
    home: Home,
    identity: Identity,
    clock: Clock,
    isolation: Isolation,
    channel: socket.socket,
    options: argparse.Namespace,
) -> int:
    from localcloud.parts import Parts  # noqa: PLC0415 - only after import_moto

    stopped = asyncio.Event()
    _end_at_signals(asyncio.get_running_loop(), stopped)
    supervisor = Conversation(channel, lost=stopped.set)
    supervisor.start()
    sandboxes = Sandboxes(supervisor, isolation, identity.ssh_port)
    parts = Parts(home, identity, clock, sandboxes, options)
    server = _listen(options.port, identity.port, parts.application)
    parts.cloud.identity = home.keep(parts.cloud.identity, port=server.server_port)
    work = parts.start()
    for task in work:
        task.add_done_callback(lambda _: stopped.set())
    server.start()
    _settle_memory()
    home.announce(parts.cloud.identity)
    print(f"localcloud is ready: http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201
    # Nobody waits for its end: what it has not deleted, the next start deletes.
    threading.Thread(target=sweep, args=(sandboxes.root,), name="sweep", daemon=True).start()
    await stopped.wait()
    _end_soon()
    failed = [error for task in work if task.done() and (error := task.exception())]
    for error in failed:  # without this part, machines would stay pending, or never stop: so end, to be started again
        log.error("a part of the trial cloud has failed", exc_info=error)
    await _end(home, server, parts, work)
    supervisor.close()
    return int(bool(failed))


def _end_at_signals(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    """Set the time limit in the signal handler itself: a handler of the loop would wait while that is blocked."""

    def told(number: int, frame: object) -> None:
        for other in _ENDING:
            signal.signal(other, signal.SIG_IGN)  # the loop may be closed when a second signal comes
        _end_soon()
        loop.call_soon_threadsafe(stopped.set)

    for number in _ENDING:
        signal.signal(number, told)


def _end_soon() -> None:
    """Have the kernel kill this process in time, unless that is set already."""
    if not signal.getitimer(signal.ITIMER_REAL)[0]:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(ENDS_WITHIN)


async def _end(home: Home, server: Server, parts: "Parts", work: list[asyncio.Task[None]]) -> None:
    home.withdraw()
    await asyncio.to_thread(server.shutdown)
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    parts.close()


def _listen(wanted: int, before: int, application: Application) -> Server:
    """Listen on the earlier port, so that addresses noted elsewhere stay valid."""
    try:
        return Server(wanted or before, application)
    except OSError as error:
        if wanted or error.errno != errno.EADDRINUSE:
            raise CannotStart(f"port {wanted or before}: {error.strerror}") from error
        log.warning("port %s of last time is taken, so another is chosen", before)
        return Server(0, application)


def _allow_many_connections() -> None:
    """Raise the limit of 1024 descriptors: a session takes seven.

    The supervisor and its sandboxes keep the old limit.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _settle_memory() -> None:
    """Freeze what is in memory now, so that the garbage collector does not scan it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5000, 20, 50)
