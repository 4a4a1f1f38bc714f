"""The heartbeat of the cloud: read what the sandboxes use, write datapoints, evaluate the alarms of each minute.

A minute is evaluated once, in order, after the datapoints that were visible at it are written. Minutes that passed
while this process was not running (or the whole computer slept) are skipped: nothing was measured then.
"""

import asyncio
import logging
import math
import time
from dataclasses import dataclass, field

from localcloud.cloud import Cloud
from localcloud.cloudwatch import credits
from localcloud.cloudwatch.alarms import Alarms
from localcloud.cloudwatch.metrics import Metrics, of_machine
from localcloud.cloudwatch.using import Span, Using
from localcloud.ec2.machine import Machine
from localcloud.ec2.states import State
from localcloud.sandboxes.sandboxes import Sandboxes
from localcloud.sandboxes.usage import Usage

log = logging.getLogger(__name__)

#: real seconds without a beat after which the computer must have slept
ABSENT = 20.0


def step_for(speed: float) -> float:
    """Return the seconds on the cloud's clock between two beats: ten real ones, at most 30, at least 0.2 real ones."""
    return max(min(30.0, 10.0 * speed), 0.2 * speed)


@dataclass
class _Reading:
    """What one sandbox had used at a real time."""

    at: float
    usage: Usage


@dataclass
class Heartbeat:
    cloud: Cloud
    sandboxes: Sandboxes
    metrics: Metrics
    alarms: Alarms
    using: dict[str, Using] = field(default_factory=dict)
    readings: dict[str, _Reading] = field(default_factory=dict)
    judged: float = 0.0  # the last minute that was evaluated

    async def run(self) -> None:
        clock, step = self.cloud.clock, step_for(self.cloud.clock.speed)
        self.judged = clock.now() // 60 * 60
        last = time.time()
        while True:
            due = (math.floor(clock.now() / step) + 1) * step
            await asyncio.sleep(max(0.01, clock.real_seconds_until(due)))
            now = time.time()
            if not 0 <= now - last < ABSENT + step / clock.speed:
                self._was_away(now - last)
            last = now
            try:
                await self.beat()
            except Exception:
                log.exception("a heartbeat failed")

    def _was_away(self, seconds: float) -> None:
        log.warning("%.0f seconds are missing, so nothing is measured or judged for them", seconds)
        self.readings.clear()
        self.judged = self.cloud.clock.now() // 60 * 60

    async def beat(self) -> None:
        """Measure up to this moment; what comes later belongs to the next beat."""
        now = self.cloud.clock.now()
        with self.cloud.lock:
            runs = any(machine.phase is State.RUNNING for machine in self.cloud.region.machines)
        if runs:
            now = await self._measure()
        elif self.readings:
            self.readings.clear()
        with self.cloud.lock:
            self._write(now)
            while self.judged + 60 <= now:
                self.judged += 60
                self.alarms.evaluate(self.judged)
                if self.judged % 3600 == 0:
                    self.metrics.prune(self.judged)
                    self.alarms.prune(self.judged)
            self.cloud.commit()

    async def _measure(self) -> float:
        now, used = await self.sandboxes.usage({self.cloud.identity.port})
        clock = self.cloud.clock
        with self.cloud.lock:
            running = {m.id: m for m in self.cloud.region.machines if m.phase is State.RUNNING}
            for instance_id, machine in running.items():
                usage = used.get(instance_id, Usage())
                before = self.readings.get(instance_id) or _Reading(max(machine.running_since, clock.real), usage)
                self.readings[instance_id] = _Reading(now, usage)
                if now - ABSENT - 10 < before.at < now:
                    start, end, since = clock.at(before.at), clock.at(now), clock.at(machine.running_since)
                    span = Span(start, end, now - before.at, usage.since(before.usage), end - since)
                    self._using(machine).add(span, machine.credit_option == "unlimited")
            for gone in set(self.readings) - set(running):
                del self.readings[gone]
        return clock.at(now)

    def _using(self, machine: Machine) -> Using:
        """Return the meters of a machine. After each start its type may be another."""
        using = self.using.setdefault(machine.id, Using())
        if using.started != machine.running_since:
            last = self.metrics.last(of_machine(machine.id, "CPUCreditBalance"))
            using.begin(machine, credits.at_start(machine, using.credits, last))
        return using

    def _write(self, now: float) -> None:
        found = []
        for instance_id, using in list(self.using.items()):
            found += [(of_machine(instance_id, metric), point) for metric, point in using.finished(now)]
            if using.empty and instance_id not in self.readings:
                del self.using[instance_id]
        if found:
            self.metrics.add(found)
