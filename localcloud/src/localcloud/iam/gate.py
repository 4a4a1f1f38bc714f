"""The policy in force, which is a file whose changes apply at once, and the answer to a denied request."""

import json
import logging
from dataclasses import asdict
from pathlib import Path

from localcloud.cloud import Cloud
from localcloud.errors import AwsError
from localcloud.iam.policy import BadPolicy, Permission, Policy, read
from localcloud.iam.required_permissions import required_permissions
from localcloud.service import Service

log = logging.getLogger(__name__)

_NEWER = ("ec2-instance-connect", "ssm", "servicequotas", "pricing")
#: by the name in the signature: the others answer AccessDenied
_CODES = {"ec2": "UnauthorizedOperation"} | dict.fromkeys(_NEWER, "AccessDeniedException")
#: for these names in the signature, IAM has another name
PREFIXES = {"monitoring": "cloudwatch"}


class Denied(AwsError):
    """A denied request; HTTP 403 in every service."""


class Gate:
    def __init__(self, cloud: Cloud, file: Path) -> None:
        """Read the policy; without the file everything is allowed. Raises BadPolicy.

        The permissions that requests need under it are added to `needed.jsonl` beside it, one a line, if that is there.
        """
        self.cloud, self.file = cloud, file
        self.needed = file.with_name("needed.jsonl")
        self._stamp: tuple[int, int] | None = None
        self._policy: Policy | None = None
        self._load()

    def refusal(self, service: str, request: Service) -> Denied | None:
        """Return why a request is denied, before anything has happened. The caller holds no lock."""
        try:
            self._load()
        except BadPolicy as problem:  # as in IAM, an invalid policy is not accepted: the last one stays in force
            log.error("%s", problem)
        # Everybody with credentials may ask who they are: "no permissions are required" (STS API reference).
        if self._policy is None or (action := request._get_action()) == "GetCallerIdentity":
            return None
        with self.cloud.lock:
            required = required_permissions(PREFIXES.get(service, service), action, request.asked(), self.cloud)
        self._note(required)
        for permission in required:
            if not self._policy.allows(permission):
                return self._denied(service, permission.action, permission.resource)
        return None

    def _note(self, required: list[Permission]) -> None:
        if self.needed.exists():
            with self.needed.open("a") as file:
                file.write("".join(json.dumps(asdict(permission)) + "\n" for permission in required))

    def _load(self) -> None:
        try:
            found = self.file.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._policy = read(self.file.read_text())
            log.info("requests are judged by %s", self.file)
        except BadPolicy as problem:
            raise BadPolicy(f"{self.file}: {problem}") from None
        except FileNotFoundError:
            self._stamp = self._policy = None

    def _denied(self, service: str, action: str, resource: str) -> Denied:
        who = f"arn:aws:iam::{self.cloud.identity.account_id}:user/trial"
        text = (
            f"User: {who} is not authorized to perform: {action} on resource: {resource} because no identity-based "
            f"policy allows the {action} action"
        )
        if service == "ec2":
            text = f"You are not authorized to perform this operation. {text}. Encoded authorization failure message: -"
        return Denied(_CODES.get(service, "AccessDenied"), text)
