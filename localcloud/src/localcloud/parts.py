"""Puts the parts of the cloud together. It imports moto, so call `trimmed_moto.import_moto` before importing it."""

import asyncio
from argparse import Namespace

from localcloud.clock import Clock
from localcloud.cloud import Cloud
from localcloud.cloudwatch.actions import Actions
from localcloud.cloudwatch.alarms import Alarms
from localcloud.cloudwatch.heartbeat import Heartbeat
from localcloud.cloudwatch.metrics import Metrics
from localcloud.ec2.seed import seed
from localcloud.faults.ledger import Ledger
from localcloud.faults.middleware import Faults
from localcloud.home import Home, Identity
from localcloud.iam.gate import Gate
from localcloud.lifecycle import Lifecycle
from localcloud.persistence import Database
from localcloud.quotas import Quotas
from localcloud.router import Router
from localcloud.sandboxes.sandboxes import Sandboxes
from localcloud.server import Application
from localcloud.services import services_of


class Parts:
    def __init__(
        self,
        home: Home,
        identity: Identity,
        clock: Clock,
        sandboxes: Sandboxes,
        options: Namespace,
    ) -> None:
        self.sandboxes = sandboxes
        self.database = Database(home.database)
        self.cloud = Cloud(
            identity, clock, self.database, options.hurry, Quotas(options.vcpu_quota, options.alarm_quota)
        )
        seed(self.cloud, home)
        metrics = Metrics(self.database)
        alarms = Alarms(self.database, metrics, Actions(self.cloud))
        self.lifecycle = Lifecycle(self.cloud, sandboxes)
        self.heartbeat = Heartbeat(self.cloud, sandboxes, metrics, alarms)
        gate = Gate(self.cloud, options.policy or home.policy)
        self.application: Application = Router(self.cloud, services_of(self.cloud, metrics, alarms), gate)
        if options.faults:
            self.application = Faults(self.application, Ledger(self.cloud, alarms))

    def start(self) -> list[asyncio.Task[None]]:
        return [self.lifecycle.start(), asyncio.get_running_loop().create_task(self.heartbeat.run())]

    def close(self) -> None:
        self.sandboxes.close_all()
        self.cloud.save()
        self.database.close()
