"""Calls that Amazon has refused as too many wait for their turn, each time that one is sent, for a while.

A rule that is changed for a thousand machines puts a thousand alarms, and CloudWatch takes three a second. Twenty jobs
that ask at once are refused again and again, back off for half a minute each, and take six times as long.
"""

import time
from threading import Lock
from typing import Any

from ondol.cloud.aws_errors import kind_of
from ondol.cloud.errors import Throttled

A_SECOND = {"PutMetricAlarm": 3, "DeleteAlarms": 3, "DescribeAlarms": 9, "DescribeAlarmHistory": 20}
"""Amazon's quotas, where nobody has asked for more."""
LASTS = 60.0
"""The seconds after a refusal for which calls wait. A process knows of its own calls only: where several workers share
a quota, each is refused once in a while."""


LONGEST = 5.0
"""The seconds that a call waits at most: a worker that was thought dead meanwhile, after ten, has lost its job. Beyond
that it is sent and perhaps refused again, as without this."""


class Turns:
    """The turns of one operation."""

    def __init__(self, a_second: float) -> None:
        self._every, self._lock = 1 / a_second, Lock()
        self._next, self._until = 0.0, 0.0

    def refused(self, now: float) -> None:
        """Let calls wait from now on."""
        with self._lock:
            self._until = now + LASTS

    def wait(self, now: float) -> float:
        """Take the next turn; return how long to wait for it."""
        with self._lock:
            if now > self._until:
                return 0.0
            turn = max(self._next, now)
            if turn > now + LONGEST:
                return 0.0
            self._next = turn + self._every
            return turn - now


def follow(client: Any) -> None:
    """Let the calls of a client of the SDK wait for their turns, also when they are sent again."""
    turns = {operation: Turns(a_second) for operation, a_second in A_SECOND.items()}

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
