"""Calls of which Amazon takes few wait for their turn, each time that one is sent.

Launches and starts always do, others for a while after one was refused as too many.

A rule that is changed for a thousand machines puts a thousand alarms, and CloudWatch takes three a second. Twenty jobs
that ask at once are refused again and again, back off for half a minute each, and take six times as long.
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
"""Amazon's quotas, where nobody has asked for more. Launches and starts have two, but calls do not arrive as regularly
as they are sent."""
AT_ONCE = {"RunInstances": 5, "StartInstances": 5}
"""What EC2 lets through before its calls a second count: these wait before any is refused, as fifty people may click in
one minute. (Amazon EC2 Developer Guide, "Request throttling for the Amazon EC2 API".)"""
LASTS = 60.0
"""The seconds after a refusal for which calls wait. A process knows of its own calls only: where several workers share
a quota, each is refused once in a while."""
LONGEST, LONGEST_AT_ONCE = 8.0, 12.0
"""The seconds that a call waits at most, and a launch or a start, so that the twenty jobs of a worker get their turns.
What would wait longer is sent, and perhaps refused, as without this. For alarms it is less than the ten seconds after
which a silent worker counts as dead: another one has its job then, and has perhaps put an alarm. A launch has its
token. What a worker that is told to end does not wait for, the next one does."""


class Turns:
    """The turns of one operation."""

    def __init__(self, a_second: float, at_once: int = 0) -> None:
        """`at_once`: so many take their turn together after a pause; 0: nobody waits until one was refused."""
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
