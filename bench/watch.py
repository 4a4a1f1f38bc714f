"""What EC2 and CloudWatch of a trial show while machines run side by side, whatever Ondol says of them."""

import threading
import time
from datetime import datetime, timedelta

from ondol.clock import Clock
from tests.journey.site import Site

WINDOW = 30
"""The minutes of the rule that all of them go by."""


def minutes(passed: timedelta) -> float:
    return passed / timedelta(minutes=1)


def says(took: list[float]) -> str:
    """Return the least and the most of some minutes."""
    return f"{min(took):.1f}–{max(took):.1f} min" if took else "–"


class Watch:
    """What EC2 and CloudWatch show of all machines, on the machines' clock, asked twice in each of its minutes."""

    def __init__(self, site: Site, clock: Clock | None = None) -> None:
        self.clock = clock or Clock.parse((site.home / "clock").read_text().strip())
        self.stops: dict[str, datetime] = {}
        """When each machine stopped."""
        self.puts: dict[str, set[datetime]] = {}
        """When the alarm of each machine was put."""
        self.runs_seen = 0
        """How often a machine was seen running, and an alarm was asked for."""
        self.bare: dict[str, datetime] = {}
        """The machines that ran without any alarm, and when that was seen last."""
        self._ec2, self._cloudwatch = site.aws("ec2"), site.aws("cloudwatch")
        self._up: set[str] = set()
        self._ended = threading.Event()
        threading.Thread(target=self._go, daemon=True).start()

    def now(self) -> datetime:
        return self.clock.at(time.time())

    def sleep_until(self, moment: datetime) -> None:
        while (left := (moment - self.now()) / timedelta(seconds=self.clock.speed)) > 0:
            time.sleep(min(left, 1))

    def end(self) -> None:
        self._ended.set()

    def _go(self) -> None:
        while not self._ended.wait(30 / self.clock.speed):
            at, running = self.now(), self._machines()
            protected = self._alarms()
            self.runs_seen += len(running)
            # What has stopped or been ended meanwhile needs none any more.
            self.bare |= dict.fromkeys((running - protected) & self._machines(), at)

    def _machines(self) -> set[str]:
        """Return the machines that run."""
        pages = self._ec2.get_paginator("describe_instances").paginate().build_full_result()
        at, running = self.now(), set()
        for machine in (one for some in pages["Reservations"] for one in some["Instances"]):
            if machine["State"]["Name"] in {"pending", "running"}:
                self._up.add(machine["InstanceId"])
            elif machine["InstanceId"] in self._up:
                self.stops.setdefault(machine["InstanceId"], at)
            if machine["State"]["Name"] == "running":
                running.add(machine["InstanceId"])
        return running

    def _alarms(self) -> set[str]:
        """Return the machines that have an alarm."""
        pages = self._cloudwatch.get_paginator("describe_alarms").paginate().build_full_result()
        of: set[str] = set()
        for alarm in pages["MetricAlarms"]:
            of |= (machine := {one["Value"] for one in alarm["Dimensions"] if one["Name"] == "InstanceId"})
            for instance_id in machine:
                self.puts.setdefault(instance_id, set()).add(alarm["AlarmConfigurationUpdatedTimestamp"])
        return of
