"""Routes a request to the service that answers it: checks the signature, finds the service and moto's class.

It is a WSGI application, so that a middleware (fault injection) needs to know little of AWS.
"""

import io
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from moto.core.request import Request

from localcloud import pricing
from localcloud.cloud import Cloud
from localcloud.ec2.states import State
from localcloud.errors import AwsError
from localcloud.iam.gate import Denied, Gate
from localcloud.service import Service
from localcloud.signature import BadSignature, Credential, Message, check, read

log = logging.getLogger(__name__)

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Environ = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

#: where the environment of a request may carry a Fault
FAULT = "localcloud.fault"

#: EC2 has older names of its own for these
_IN_EC2_WORDS = {
    "InvalidClientTokenId": ("AuthFailure", "AWS was not able to validate the provided access credentials"),
    "MissingAuthenticationToken": ("AuthFailure", "AWS was not able to validate the provided access credentials"),
    "SignatureDoesNotMatch": ("AuthFailure", ""),
}

_NOT_FOUND = {
    "InstanceIds": "InvalidInstanceID.NotFound",
    "GroupIds": "InvalidGroup.NotFound",
    "KeyNames": "InvalidKeyPair.NotFound",
    "KeyPairIds": "InvalidKeyPair.NotFound",
    "VolumeIds": "InvalidVolume.NotFound",
    "NetworkInterfaceIds": "InvalidNetworkInterfaceID.NotFound",
}


@dataclass(frozen=True)
class Fault:
    """An answer that is wrong on purpose, in the protocol of its request. `when` is one of those of fault rules."""

    when: str
    code: str
    message: str
    status: int
    parameter: str = ""


class ServerRequest(Request):
    from_wsgi_server = True


class Router:
    def __init__(self, cloud: Cloud, services: dict[str, type[Service]], gate: Gate) -> None:
        self.cloud = cloud
        self.services = services
        self.gate = gate

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            status, headers, body = self.answer(environ)
        except Exception:
            log.exception("a request failed")
            status, headers, body = 500, {"Content-Type": "text/plain"}, b"InternalError"
        headers.pop("status", None)
        headers["Content-Length"] = str(len(body))
        start_response(f"{status} {'OK' if status < 400 else 'Error'}", list(headers.items()))
        return [body]

    def answer(self, environ: Environ) -> Answer:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if environ["PATH_INFO"].startswith("/_localcloud/"):
            return 404, {"Content-Type": "text/plain"}, b"started without --faults"
        try:
            credential = read(environ.get("HTTP_AUTHORIZATION", ""))
        except BadSignature as unsigned:
            return 403, {"Content-Type": "text/plain"}, f"{unsigned.code}: {unsigned}".encode()
        service = self.services.get(credential.service)
        if service is None:
            text = f"UnknownService: this trial cloud has {', '.join(self.services)}, not {credential.service}"
            return 404, {"Content-Type": "text/plain"}, text.encode()
        handler = service()
        handler.setup_class(ServerRequest(environ))
        refusal = self._refusal(environ, body, credential)
        refusal = refusal or self.gate.refusal(credential.service, handler)
        if refusal:
            status, headers, content = _plain(handler.refuse(refusal))
            return 403 if isinstance(refusal, Denied) else status, headers, content
        fault = environ.get(FAULT)
        return self._faulty(handler, fault) if fault else _plain(handler.call_action())

    def _refusal(self, environ: Environ, body: bytes, credential: Credential) -> AwsError | None:
        identity = self.cloud.identity
        keys = (identity.access_key_id, identity.secret_access_key)
        region = identity.region
        if credential.service == "pricing":
            region = credential.region if credential.region in pricing.REGIONS else min(pricing.REGIONS)
        try:
            check(_message(environ, body), credential, *keys, region)
        except BadSignature as bad:
            if credential.service == "ec2":
                code, text = _IN_EC2_WORDS.get(bad.code, (bad.code, ""))
                return AwsError(code, text or str(bad))
            return AwsError(bad.code, str(bad))
        return None

    def _faulty(self, handler: Service, fault: Fault) -> Answer:
        match fault.when:
            case "after":
                handler.call_action()
            case "missing":
                return _missing(handler)
            case "ignored":
                handler.params.pop(fault.parameter, None)
                return _plain(handler.call_action())
            case "undone":
                return self._undone(handler, (fault.code, fault.message))
        _, headers, body = _plain(handler.refuse(AwsError(fault.code, fault.message)))
        return fault.status, headers, body

    def _undone(self, handler: Service, reason: tuple[str, str]) -> Answer:
        """Carry out a launch or a start that ends before the machine runs."""
        with self.cloud.lock:
            pending = {m.id for m in self.cloud.region.machines if m.phase is State.PENDING}
            answer = handler.call_action()
            for machine in self.cloud.region.machines:
                if machine.phase is State.PENDING and machine.id not in pending:
                    machine.undone = reason
            self.cloud.touch()
            self.cloud.commit()
        return _plain(answer)


def _missing(handler: Service) -> Answer:
    named = [code for parameter, code in _NOT_FOUND.items() if handler._get_param(parameter)]
    if not named:
        return _plain(handler.nothing())
    return _plain(handler.refuse(AwsError(named[0], "The ID does not exist")))


def _plain(answer: Any) -> Answer:
    status, headers, body = answer
    content = body if isinstance(body, bytes) else str(body or "").encode()
    return int(status), {str(key): str(value) for key, value in headers.items()}, content


def _message(environ: Environ, body: bytes) -> Message:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    headers["content-type"] = environ.get("CONTENT_TYPE", "")
    headers["content-length"] = environ.get("CONTENT_LENGTH", "")
    return Message(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", ""), headers, body)
