"""Amazon played by a script: what the SDK would send is recorded, what it would receive is given. No network."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import botocore.session
from boto3.session import Session
from botocore.awsrequest import AWSResponse
from botocore.loaders import create_loader

from ondol.cloud.aws import AwsCloud
from ondol.cloud.price_list import AwsPriceList
from ondol.config import Config

SETTINGS = {
    "AWS_VPC_ID": "vpc-0123456789abcdef0",
    "AWS_SUBNET_ID": "subnet-0123456789abcdef0",
    "AWS_REGION": "ap-northeast-2",
    "ONDOL_PROJECT": "warm-rooms",
}
DEPLOYMENT = "2f6c1f0e-0000-4000-8000-000000000001"


def settings(**changed: str) -> Config:
    """Return settings as if from the environment."""
    return Config(_env_file=None, **SETTINGS | changed)  # type: ignore[call-arg]


_MODELS = create_loader()
"""The models are loaded once, since EC2's takes a third of a second."""


@dataclass
class Refusal:
    """An error answer of AWS."""

    code: str
    message: str = "AWS says no"
    http_status: int = 400


class Script:
    """A script: `answers["RunInstances"]` are returned one after the other; `asked` has operation and parameters."""

    def __init__(self, **changed: str) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: defaultdict[str, list[dict[str, Any] | Refusal | Exception]] = defaultdict(list)
        core = botocore.session.Session()
        core.register_component("data_loader", _MODELS)
        session = Session("AKIAEXAMPLE", "not-a-secret", region_name="ap-northeast-2", botocore_session=core)
        session.events.register("provide-client-params.*", self._note)
        session.events.register("before-call.*", self._answer)
        self.cloud = AwsCloud(session, settings(**changed), DEPLOYMENT)
        self.price_list = AwsPriceList(session, settings(**changed))

    def begin(self) -> "Script":
        """Start with no calls and no answers; the clients stay, since they take long to make."""
        self.asked.clear()
        self.answers.clear()
        return self

    def operations(self) -> list[str]:
        return [operation for operation, _ in self.asked]

    def parameters(self, operation: str) -> dict[str, Any]:
        (parameters,) = [parameters for name, parameters in self.asked if name == operation]
        return parameters

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.asked.append((model.name, params))

    def _answer(self, model: Any, **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        answer = self.answers[model.name].pop(0) if self.answers[model.name] else {}
        if isinstance(answer, Exception):
            raise answer
        status, parsed = 200, answer
        if isinstance(answer, Refusal):
            status, parsed = answer.http_status, {"Error": {"Code": answer.code, "Message": answer.message}}
        metadata = {"ResponseMetadata": {"HTTPStatusCode": status, "RetryAttempts": 0}}
        return AWSResponse("https://aws.example", status, {}, None), parsed | metadata  # type: ignore[operator]
