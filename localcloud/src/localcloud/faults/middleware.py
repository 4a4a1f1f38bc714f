"""A WSGI application in front of the router: records the calls, breaks those that a rule matches, accepts rules.

GET|POST|DELETE /_localcloud/rules, DELETE /_localcloud/rules/N
GET|DELETE      /_localcloud/calls?since=N
GET             /_localcloud/resources        {"now": …, "ever": …}
"""

import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from localcloud.faults.ledger import Ledger
from localcloud.faults.rules import BadRule, Rule, When, read_rule
from localcloud.router import FAULT, Fault
from localcloud.server import Application, HangUp

PREFIX = "/_localcloud/"

_ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z]+)")
#: what the router does, which knows the protocol
_INSIDE = (When.BEFORE, When.AFTER, When.MISSING, When.IGNORED, When.REFUSED, When.UNDONE, When.THROTTLED)
_READS = ("Describe", "Get", "List")


class Faults:
    def __init__(self, inner: Application, ledger: Ledger) -> None:
        self.inner = inner
        self.ledger = ledger
        self.rules: list[Rule] = []
        self.answers: dict[tuple[str, bytes], tuple[str, list[tuple[str, str]], bytes]] = {}
        self._lock = threading.Lock()
        self._made = 0
        ledger.cloud.is_too_new = self._is_too_new

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        if environ["PATH_INFO"].startswith(PREFIX):
            return self._control(environ, body, start_response)
        return self._pass_on(environ, body, start_response)

    # -- calls to AWS ----------------------------------------------------------------------------------------------

    def _pass_on(self, environ: dict[str, Any], body: bytes, start_response: Callable[..., Any]) -> Iterable[bytes]:
        asked_at = time.monotonic()
        service, operation = _called(environ, body)
        call = self.ledger.call(service, operation, body)
        rule = self._rule_for(service, operation, body)
        call.fault = rule.when if rule else ""
        if rule and rule.when is When.DROP_BEFORE:
            raise HangUp
        if rule and rule.when in _INSIDE:
            environ[FAULT] = Fault(rule.when, rule.code, rule.message, rule.status, rule.parameter)
        status, headers, answer = self._inner(environ)
        if not operation.startswith(_READS):
            self.ledger.look()
        before = self._remember((operation, body), (status, headers, answer))
        if rule and rule.when is When.STALE and before:
            status, headers, answer = before
        if rule and rule.when in (When.HANG, When.DELAY):
            # The time to make the answer, such as a key, is included: a call takes equally long on any host.
            late = asked_at + rule.seconds - time.monotonic()
            time.sleep(max(late, 0.0))  # noqa: TID251 - to be late is what this is for; a thread of its own waits
        if rule and rule.when in (When.HANG, When.DROP):
            raise HangUp
        call.status = int(status.split()[0])
        start_response(status, headers)
        return [answer]

    def _rule_for(self, service: str, operation: str, body: bytes) -> Rule | None:
        with self._lock:
            return next((rule for rule in self.rules if rule.meets(service, operation, body)), None)

    def _is_too_new(self, resource_id: str) -> bool:
        lags = [rule.seconds for rule in self.rules if rule.when is When.LAG]
        return bool(lags) and self.ledger.age(resource_id) < max(lags)

    def _inner(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
        started: list[Any] = []
        answer = b"".join(self.inner(environ, lambda status, headers: started.extend((status, headers))))
        return started[0], started[1], answer

    def _remember(self, request: tuple[str, bytes], answer: Any) -> Any:
        """Return the last answer to this very request, and store this one instead."""
        if not request[0].startswith("Describe"):
            return None
        before = self.answers.get(request)
        if len(self.answers) > 500:
            self.answers.clear()
        self.answers[request] = answer
        return before

    # -- rules over HTTP -------------------------------------------------------------------------------------------

    def _control(self, environ: dict[str, Any], body: bytes, start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"].removeprefix(PREFIX).strip("/").split("/")
        try:
            status, answer = self._controlled(environ["REQUEST_METHOD"], path, environ, body)
        except (BadRule, ValueError) as problem:
            status, answer = "400 Bad Request", {"error": str(problem)}
        text = json.dumps(answer).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
        return [text]

    def _controlled(self, method: str, path: list[str], environ: dict[str, Any], body: bytes) -> tuple[str, Any]:
        match method, path:
            case "GET", ["rules"]:
                return "200 OK", [rule.shown() for rule in self.rules]
            case "POST", ["rules"]:
                if environ["CONTENT_TYPE"] != "application/json":
                    raise BadRule("send application/json")  # which a page of another site cannot send unasked
                return "201 Created", self._add(json.loads(body))
            case "DELETE", ["rules", *number]:
                with self._lock:
                    self.rules = [rule for rule in self.rules if number and rule.number != int(number[0])]
                return "200 OK", [rule.shown() for rule in self.rules]
            case "GET", ["calls"]:
                since = parse_qs(environ.get("QUERY_STRING", "")).get("since", ["0"])[0]
                return "200 OK", self.ledger.since(int(since))
            case "DELETE", ["calls"]:
                self.ledger.calls.clear()
                return "200 OK", []
            case "GET", ["resources"]:
                with self.ledger.cloud.lock:
                    return "200 OK", {"now": self.ledger.now(), "ever": self.ledger.ever}
        return "404 Not Found", {"error": "there are rules, calls and resources"}

    def _add(self, given: Any) -> list[dict[str, Any]]:
        rules = [read_rule(one) for one in (given if isinstance(given, list) else [given])]
        with self._lock:
            for rule in rules:
                self._made += 1
                rule.number = self._made
            self.rules += rules
        return [rule.shown() for rule in rules]


def _called(environ: dict[str, Any], body: bytes) -> tuple[str, str]:
    """Return service and operation, in any of the protocols of the SDKs."""
    scope = environ.get("HTTP_AUTHORIZATION", "").split("/")
    service = scope[3] if len(scope) > 3 else "?"
    found = _ACTION.search(body)
    if found:
        return service, found[1].decode()
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return service, target.rpartition(".")[2]
    return service, environ["PATH_INFO"].rpartition("/operation/")[2]
