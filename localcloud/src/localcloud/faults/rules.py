"""Which call fails, and how. A rule is JSON; `read_rule` says what it may contain.

{"operation": "RunInstances", "when": "drop"}                            done, but the answer is lost
{"operation": "ec2:Describe*", "when": "before", "code": "RequestLimitExceeded", "status": 503, "times": 3}
{"operation": "DescribeInstances", "when": "missing", "times": 2}        not there yet, as after a fresh launch
{"operation": "PutMetricAlarm", "when": "ignored", "parameter": "WarmUpConfiguration", "times": null}
{"operation": "StartInstances", "when": "undone", "code": "Client.InternalError"}
{"operation": "RunInstances", "when": "throttled", "at_once": 5, "a_second": 2}   EC2's bucket: full with 5 calls
{"operation": "*", "when": "lag", "seconds": 60}
"""

import random
import time
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any


class When(StrEnum):
    BEFORE = "before"  # an error, and nothing has happened
    AFTER = "after"  # it has happened, and an error says otherwise
    DROP = "drop"  # it has happened, and the connection is reset
    DROP_BEFORE = "drop-before"  # the connection is reset, and nothing has happened
    HANG = "hang"  # it has happened, there is no answer for `seconds`, then the connection is reset
    DELAY = "delay"  # the answer takes `seconds` in all, and is otherwise right
    MISSING = "missing"  # Describe…: as if nothing were there; NotFound where ids are named
    STALE = "stale"  # Describe…: the answer of the time before
    IGNORED = "ignored"  # as if `parameter` had not been sent, as by a service that does not know it yet
    REFUSED = "refused"  # where `parameter` is sent: a ValidationError, and nothing has happened
    UNDONE = "undone"  # RunInstances, StartInstances: it begins, and ends in terminated or stopped, for `code`
    THROTTLED = "throttled"  # `at_once` calls pass and `a_second` after them; others are refused, nothing has happened
    LAG = "lag"  # no call fails; for `seconds` on the cloud's clock, what is new has no tags for policies and filters


class BadRule(ValueError):
    """A rule that is not valid; the message names the field."""


@dataclass
class Rule:
    operation: str
    when: When
    code: str = "InternalError"
    message: str = "An internal error has occurred"
    status: int = 500
    seconds: float = 30.0
    times: int | None = 1
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    contains: str = ""  # only requests with this text in their body
    parameter: str = ""  # only requests with this parameter
    at_once: int = 0
    a_second: float = 0.0
    number: int = 0
    fired: int = 0
    passed: int = 0
    dice: random.Random = field(default_factory=random.Random, repr=False)
    bucket: "Bucket | None" = None

    def meets(self, service: str, operation: str, body: bytes) -> bool:
        """Return whether the rule matches this call, and it is this call's turn. Each match counts."""
        if self.when is When.LAG:
            return False
        name = f"{service}:{operation}" if ":" in self.operation else operation
        if not fnmatchcase(name, self.operation) or self.contains.encode() not in body:
            return False
        if self.parameter.encode() not in body:  # by its name, in each of the protocols
            return False
        if self.times is not None and self.fired >= self.times:
            return False
        if self.passed < self.skip:
            self.passed += 1
            return False
        if self.dice.random() >= self.probability:
            return False
        if self.bucket and self.bucket.takes(time.monotonic()):
            return False
        self.fired += 1
        return True

    def shown(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key not in {"dice", "bucket"}}


class Bucket:
    """EC2's token bucket: each call takes a token, and `a_second` tokens are added, up to `at_once`.

    Its seconds are real time, like those of the calling programs.
    """

    def __init__(self, at_once: int, a_second: float) -> None:
        self._most, self._a_second = at_once, a_second
        self._tokens, self._at = float(at_once), 0.0

    def takes(self, now: float) -> bool:
        """Take a token; return whether there was one."""
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._a_second)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


#: defaults of some kinds of fault
DEFAULTS: dict[When, dict[str, Any]] = {
    When.REFUSED: {"code": "ValidationError", "message": "Unsupported parameter", "status": 400},
    When.UNDONE: {"code": "Client.InternalError", "message": "Client error on launch"},
    When.THROTTLED: {
        "code": "RequestLimitExceeded",
        "message": "Request limit exceeded.",
        "status": 503,
        "times": None,
    },
}

#: the largest number in a rule; Infinity and NaN, which Python accepts in JSON, are refused
MOST = 10**9

_TYPES: dict[str, tuple[type, ...]] = {
    "operation": (str,),
    "when": (str,),
    "code": (str,),
    "message": (str,),
    "status": (int,),
    "seconds": (int, float),
    "times": (int, type(None)),
    "skip": (int,),
    "probability": (int, float),
    "seed": (int,),
    "contains": (str,),
    "parameter": (str,),
    "at_once": (int,),
    "a_second": (int, float),
}


def read_rule(given: Any) -> Rule:
    if not isinstance(given, dict):
        raise BadRule("a rule is an object")
    for name, value in given.items():
        if name not in _TYPES:
            raise BadRule(f"{name}: unknown; there are {', '.join(_TYPES)}")
        if not isinstance(value, _TYPES[name]) or isinstance(value, bool):
            raise BadRule(f"{name}: {value!r} is of the wrong type")
        if isinstance(value, int | float) and not abs(value) <= MOST:
            raise BadRule(f"{name}: at most {MOST}")
    if not given.get("operation"):
        raise BadRule("operation: say which, for instance RunInstances or ec2:Describe*")
    if given.get("when") not in set(When):
        raise BadRule(f"when: one of {', '.join(When)}")
    when = When(given["when"])
    if (when in (When.IGNORED, When.REFUSED)) is not bool(given.get("parameter")):
        raise BadRule("parameter: say which, for instance WarmUpConfiguration, with ignored and refused only")
    rule = Rule(**{**DEFAULTS.get(when, {}), **given, "when": when})
    rule.bucket = _bucket(rule)
    # A cryptographic generator could not be repeated from a seed.
    rule.dice = random.Random(rule.seed)  # noqa: S311
    return rule


def _bucket(rule: Rule) -> Bucket | None:
    if rule.when is not When.THROTTLED:
        if rule.at_once or rule.a_second:
            raise BadRule("at_once, a_second: with throttled only")
        return None
    if rule.at_once < 1 or rule.a_second <= 0:
        raise BadRule("at_once, a_second: say how many calls pass, for instance 5 and 2")
    return Bucket(rule.at_once, rule.a_second)
