"""The cloud from the first answer to the last: puts the parts together, says that it is ready, ends when told."""

import argparse
import asyncio
import errno
import gc
import logging
import signal
import socket
from dataclasses import dataclass

from localcloud.boxes.addresses import free_ssh_port
from localcloud.boxes.boxes import Boxes
from localcloud.boxes.conversation import Conversation
from localcloud.boxes.isolation import Isolation
from localcloud.boxes.ssh import quiet_asyncssh
from localcloud.clock import Clock
from localcloud.home import Home, Identity
from localcloud.persistence import Database
from localcloud.server import Application, Server
from localcloud.trimmed_moto import import_moto

log = logging.getLogger(__name__)

SSH_PORT = 2222
REGION = "ap-northeast-2"


@dataclass
class Parts:
    """What `serve` needs, made by `run` before there is an event loop."""

    home: Home
    identity: Identity
    clock: Clock
    isolation: Isolation
    channel: socket.socket
    wanted_port: int


def run(
    home: Home,
    identity: Identity,
    clock: Clock,
    isolation: Isolation,
    channel: socket.socket,
    options: argparse.Namespace,
) -> int:
    region = options.region or identity.region or REGION
    if identity.region and region != identity.region:
        log.error("this home is a cloud in %s; give --region %s another --home", identity.region, region)
        return 1
    ssh_port = free_ssh_port(options.ssh_port or identity.ssh_port or SSH_PORT)
    if identity.ssh_port and ssh_port != identity.ssh_port:
        log.warning("port %s is taken, so machines answer on %s from now on", identity.ssh_port, ssh_port)
    identity = home.keep(identity, region=region, ssh_port=ssh_port)
    log.info(isolation.describe())
    import_moto(region, identity.account_id)
    quiet_asyncssh()
    return asyncio.run(_serve(Parts(home, identity, clock, isolation, channel, options.port)))


async def _serve(parts: Parts) -> int:
    from localcloud.caretaker import Caretaker  # noqa: PLC0415 - after import_moto
    from localcloud.cloud import Cloud  # noqa: PLC0415
    from localcloud.cloudwatch.actions import Actions  # noqa: PLC0415
    from localcloud.cloudwatch.alarms import Alarms  # noqa: PLC0415
    from localcloud.cloudwatch.heartbeat import Heartbeat  # noqa: PLC0415
    from localcloud.cloudwatch.metrics import Metrics  # noqa: PLC0415
    from localcloud.ec2.seed import seed  # noqa: PLC0415
    from localcloud.frontdoor import FrontDoor  # noqa: PLC0415
    from localcloud.services import services_of  # noqa: PLC0415

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    database = Database(parts.home.database)
    cloud = Cloud(parts.identity, parts.clock, database)
    seed(cloud, parts.home)
    keeper = Conversation(parts.channel, lost=stopped.set)
    keeper.start()
    boxes = Boxes(parts.home.boxes, keeper, parts.isolation, cloud.identity.ssh_port)
    metrics = Metrics(database)
    alarms = Alarms(database, metrics, Actions(cloud))
    running = [Caretaker(cloud, boxes).start(), loop.create_task(Heartbeat(cloud, keeper, metrics, alarms).run())]
    server = _listen(parts, cloud.identity, FrontDoor(cloud, services_of(cloud, metrics, alarms)))
    cloud.identity = parts.home.keep(cloud.identity, port=server.server_port)
    server.start()
    _settle_memory()
    parts.home.announce(cloud.identity)
    print(f"localcloud is ready: http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201
    await stopped.wait()
    parts.home.withdraw()
    server.shutdown()
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    boxes.close_all()
    cloud.save()
    keeper.close()
    database.close()
    return 0


def _listen(parts: Parts, identity: Identity, application: Application) -> Server:
    """The port of last time, so that addresses written down elsewhere stay true."""
    try:
        return Server(parts.wanted_port or identity.port, application)
    except OSError as error:
        if parts.wanted_port or error.errno != errno.EADDRINUSE:
            raise
        log.warning("port %s of last time is taken, so another is chosen", identity.port)
        return Server(0, application)


def _settle_memory() -> None:
    """What is there now stays: the collector need not walk it again and again, nor copy it on each fork."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5000, 20, 50)
