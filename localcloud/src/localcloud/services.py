"""The services of this cloud, with the few answers of SSM, STS, IAM and Service Quotas."""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response
from moto.ssm.responses import SimpleSystemManagerResponse
from moto.sts.responses import TokenResponse

from localcloud.clock import moment
from localcloud.cloud import Cloud
from localcloud.cloudwatch.alarms import Alarms
from localcloud.cloudwatch.metrics import Metrics
from localcloud.cloudwatch.operations import CloudWatch
from localcloud.connect import InstanceConnect
from localcloud.ec2 import every_call
from localcloud.ec2.backend import Region
from localcloud.ec2.groups import Groups
from localcloud.ec2.keys import Keys
from localcloud.ec2.operations import Instances
from localcloud.ec2.volumes import Volumes
from localcloud.errors import AwsError
from localcloud.iam.resources import EVENTS_ROLE
from localcloud.pricing import PriceList
from localcloud.quotas import KINDS
from localcloud.service import Service

EVENTS_SERVICE = "events.amazonaws.com"


class Ec2(Instances, Keys, Groups, Volumes):
    @property
    def ec2_backend(self) -> Region:
        """Return our own backend; moto's register of backends would create another one."""
        return self.cloud.region

    def call_action(self) -> Any:
        """Refuse here what EC2 refuses in any call."""
        refusal = every_call.refusal(self._get_action(), self.params)
        return self.refuse(refusal) if refusal else super().call_action()

    #: without moto's rule that a launch is always pending: the answer to a repeated token shows the present state
    RESPONSE_KEY_PATH_TO_TRANSFORMER = {
        path: change
        for path, change in EC2Response.RESPONSE_KEY_PATH_TO_TRANSFORMER.items()
        if not path.startswith(("RunInstances.", "ModifyVolumeResponse."))
    }


class Ssm(Service, SimpleSystemManagerResponse):
    def get_parameter(self) -> ActionResult:
        shown = self._canonical(self._get_param("Name"))
        return ActionResult({"Parameter": shown}) if shown else super().get_parameter()

    def get_parameters(self) -> ActionResult:
        names = self._get_param("Names") or []
        shown = [one for one in map(self._canonical, names) if one]
        if len(shown) == len(names):
            return ActionResult({"Parameters": shown, "InvalidParameters": []})
        return super().get_parameters()

    def _canonical(self, name: str) -> dict[str, object] | None:
        """Return Canonical's parameter: moto has Amazon's own images only."""
        value = self.cloud.region.parameters.get(name)
        if value is None:
            return None
        return {
            "Name": name,
            "Type": "String",
            "DataType": "aws:ec2:image",
            "Value": value,
            "Version": 1,
            "LastModifiedDate": moment(self.cloud.region.amis[value].creation_date.timestamp()),
            "ARN": f"arn:aws:ssm:{self.cloud.identity.region}::parameter{name}",
        }


class Sts(Service, TokenResponse):
    def get_caller_identity(self) -> ActionResult:
        account = self.cloud.identity.account_id
        answer = {"UserId": f"AIDA{'TRIAL':A<16}", "Account": account, "Arn": f"arn:aws:iam::{account}:user/trial"}
        return ActionResult(answer)


class Iam(Service):
    """IAM with one role: the one that CloudWatch's alarms need to stop machines."""

    def __init__(self) -> None:
        super().__init__(service_name="iam")
        self.automated_parameter_parsing = True

    def get_role(self) -> ActionResult:
        if self._get_param("RoleName") != EVENTS_ROLE or not self.cloud.region.has_events_role:
            raise AwsError("NoSuchEntity", f"The role with name {self._get_param('RoleName')} cannot be found.")
        return ActionResult({"Role": self._role()})

    def create_service_linked_role(self) -> ActionResult:
        if self._get_param("AWSServiceName") != EVENTS_SERVICE:
            raise AwsError("InvalidInput", f"this trial cloud has a role for {EVENTS_SERVICE} only")
        if self.cloud.region.has_events_role:
            raise AwsError("InvalidInput", f"Service role name {EVENTS_ROLE} has been taken in this account.")
        self.cloud.region.has_events_role = True
        self.cloud.touch()
        return ActionResult({"Role": self._role()})

    def _role(self) -> dict[str, object]:
        path = f"/aws-service-role/{EVENTS_SERVICE}/"
        return {
            "Path": path,
            "RoleName": EVENTS_ROLE,
            "RoleId": f"AROA{'TRIAL':A<17}",
            "Arn": f"arn:aws:iam::{self.cloud.identity.account_id}:role{path}{EVENTS_ROLE}",
            "CreateDate": moment(self.cloud.clock.now()),
        }


class ServiceQuotas(Service):
    def __init__(self) -> None:
        super().__init__(service_name="service-quotas")
        self.automated_parameter_parsing = True

    def get_service_quota(self) -> ActionResult:
        service, code = self._get_param("ServiceCode"), self._get_param("QuotaCode")
        kind = next((kind for kind in KINDS if (service, code) == ("ec2", kind.code)), None)
        if kind is None:
            raise AwsError("NoSuchResourceException", f"The request failed because {service}/{code} does not exist.")
        quota = {
            "ServiceCode": "ec2",
            "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
            "QuotaCode": kind.code,
            "QuotaName": f"Running On-Demand {kind.name} instances",
            "Value": float(self.cloud.quotas.of(kind)),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }
        return ActionResult({"Quota": quota})


def services_of(cloud: Cloud, metrics: Metrics, alarms: Alarms) -> dict[str, type[Service]]:
    """Return the services by their names in a request's signature."""
    Service.cloud = cloud
    CloudWatch.metrics, CloudWatch.alarms = metrics, alarms
    return {
        "ec2": Ec2,
        "ec2-instance-connect": InstanceConnect,
        "monitoring": CloudWatch,
        "ssm": Ssm,
        "sts": Sts,
        "iam": Iam,
        "servicequotas": ServiceQuotas,
        "pricing": PriceList,
    }
