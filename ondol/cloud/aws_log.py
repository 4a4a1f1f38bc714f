"""Each call to AWS is counted, and logged if it changes something or fails, with the id of the request that it is for.
Nothing that is sent or answered is logged, except AWS's own request id.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ondol import metrics
from ondol.cloud.aws_errors import kind_of
from ondol.cloud.errors import Unreachable

log = logging.getLogger("ondol.aws")

LISTENERS: set[Callable[["Call"], None]] = set()
"""Called with each call that was to change something, once it has its answer."""

_READS = ("Describe", "Get", "List")
_NAMES = (
    *("InstanceIds", "InstanceId", "GroupId", "GroupName", "KeyName", "AlarmName", "AlarmNames", "VolumeId"),
    *("Resources", "InstanceType", "Size"),
)
"""The parameters that listeners get: the names of what a call is about, none of them secret."""
_DRY = "DryRunOperation"
"""What AWS answers to a dry run that would have been allowed."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was to change something, how it ended, and the names of what it was about."""

    service: str
    operation: str
    outcome: str
    code: str
    aws_request_id: str
    targets: dict[str, str]


def follow(client: Any) -> None:
    """Note all calls of a client of the SDK, each page of a listing separately."""
    client.meta.events.register("before-parameter-build", _aim)
    client.meta.events.register("before-call", _begin)
    client.meta.events.register("after-call", _end)
    client.meta.events.register("after-call-error", _fail)


def _aim(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    named = {name: params[name] for name in _NAMES if name in params}
    context["ondol_targets"] = {
        name: ", ".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in named.items()
    }


def _begin(context: dict[str, Any], **_: Any) -> None:
    context["ondol_began"] = time.perf_counter()


def _end(event_name: str, parsed: dict[str, Any], http_response: Any, context: dict[str, Any], **_: Any) -> None:
    code = str(parsed.get("Error", {}).get("Code", "")) if http_response.status_code >= 300 else ""
    outcome = kind_of(code, http_response.status_code).__name__ if code else "ok"
    outcome = "dry_run" if code == _DRY else outcome
    _note(event_name, context, outcome, code, str(parsed.get("ResponseMetadata", {}).get("RequestId", "")))


def _fail(event_name: str, exception: Exception, context: dict[str, Any], **_: Any) -> None:
    _note(event_name, context, Unreachable.__name__, type(exception).__name__, "")


def _note(event_name: str, context: dict[str, Any], outcome: str, code: str, aws_request_id: str) -> None:
    _, service, operation = event_name.split(".", 2)
    seconds = time.perf_counter() - context.get("ondol_began", time.perf_counter())
    metrics.AWS_CALLS.labels(service, operation, outcome).inc()
    metrics.AWS_SECONDS.labels(service).observe(seconds)
    line: dict[str, object] = {"service": service, "operation": operation, "outcome": outcome}
    line |= {"ms": round(seconds * 1000), "aws_request_id": aws_request_id} | ({"code": code} if code else {})
    is_told = outcome not in {"ok", "dry_run"} or not (code or operation.startswith(_READS))
    if outcome != "dry_run" and not operation.startswith(_READS):
        call = Call(service, operation, outcome, code, aws_request_id, context.get("ondol_targets", {}))
        for listener in LISTENERS:
            listener(call)
    log.log(logging.INFO if is_told else logging.DEBUG, "AWS call", extra=line)
