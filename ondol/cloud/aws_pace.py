"""Calls with a low quota at Amazon wait for their turn, each time that one is sent.

Launches and starts always do; others for a while after one was throttled.

A rule that is changed for a thousand machines puts a thousand alarms, and CloudWatch accepts three a second. Without
turns, twenty jobs are throttled again and again, back off for half a minute each, and take six times as long.
"""

import time
from threading import Lock
from typing import Any

from ondol.cloud.aws_errors import kind_of
from ondol.cloud.errors import Throttled

A_SECOND = {
    "RunInstances": 1.9, "StartInstances": 1.9,
    "PutMetricAlarm": 3, "DeleteAlarms": 3, "DescribeAlarms": 9, "DescribeAlarmHistory": 20,
}  # fmt: skip
"""Amazon's default quotas, in calls a second. For launches and starts it is two, but calls do not arrive as regularly
as they are sent."""
AT_ONCE = {"RunInstances": 5, "StartInstances": 5}
"""EC2's bucket of calls, before the rate per second applies. These calls wait even before one was throttled, as fifty
people may click in one minute. (Amazon EC2 Developer Guide, "Request throttling for the Amazon EC2 API".)"""
LASTS = 60.0
"""The seconds for which calls wait after one was throttled. A process knows only its own calls: if several
workers share a quota, each is throttled once in a while."""
LONGEST, LONGEST_AT_ONCE = 8.0, 12.0
"""The most seconds that a call waits, and a launch or a start, so that the twenty jobs of a worker get their turns. A
call that would wait longer is sent, and perhaps throttled. For alarms it is less than the ten seconds after which a
silent worker counts as dead: then another one has its job, and has perhaps put an alarm. A launch is safe by its token.
If a worker ends meanwhile, the next one does the job."""


class Turns:
    """The turns of one operation."""

    def __init__(self, a_second: float, at_once: int = 0) -> None:
        """`at_once`: so many calls may go together after a pause; 0: none waits until one was throttled."""
        self._every, self._at_once, self._lock = 1 / a_second, at_once, Lock()
        self._next, self._until = 0.0, 0.0

    def refused(self, now: float) -> None:
        """Let calls wait from now on, one after the other."""
        with self._lock:
            self._until = now + LASTS
            self._next = max(self._next, now)

    def wait(self, now: float) -> float:
        """Take the next turn; return how long to wait for it."""
        with self._lock:
            if not self._at_once and now > self._until:
                return 0.0
            together = (self._at_once or 1) - 1
            turn = max(self._next, now - together * self._every)
            if turn > now + (LONGEST_AT_ONCE if self._at_once else LONGEST):
                return 0.0
            self._next = turn + self._every
            return max(0.0, turn - now)


def follow(client: Any) -> None:
    """Let the calls of a client of the SDK wait for their turns, also when they are sent again."""
    turns = {operation: Turns(a_second, AT_ONCE.get(operation, 0)) for operation, a_second in A_SECOND.items()}

    def send(event_name: str, **_: Any) -> None:
        if of := turns.get(event_name.rpartition(".")[2]):
            time.sleep(of.wait(time.monotonic()))  # noqa: TID251  a call of the SDK waits in its thread

    def received(event_name: str, parsed_response: Any, **_: Any) -> None:
        code = (parsed_response or {}).get("Error", {}).get("Code", "")
        of = turns.get(event_name.rpartition(".")[2])
        if of and code and kind_of(code, None) is Throttled:
            of.refused(time.monotonic())

    client.meta.events.register("before-send", send)
    client.meta.events.register("response-received", received)
