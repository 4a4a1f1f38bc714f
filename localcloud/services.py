"""Which services this cloud has, and the few answers of SSM and STS that need no file of their own."""

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response
from moto.ssm.responses import SimpleSystemManagerResponse
from moto.sts.responses import TokenResponse

from localcloud.clock import moment
from localcloud.cloud import Cloud
from localcloud.cloudwatch.alarms import Alarms
from localcloud.cloudwatch.metrics import Metrics
from localcloud.cloudwatch.operations import CloudWatch
from localcloud.ec2.backend import Region
from localcloud.ec2.groups import Groups
from localcloud.ec2.keys import Keys
from localcloud.ec2.operations import Instances
from localcloud.ec2.volumes import Volumes
from localcloud.service import Service


class Ec2(Instances, Keys, Groups, Volumes):
    @property
    def ec2_backend(self) -> Region:
        """The one that is kept; moto's own register of backends would make another."""
        return self.cloud.region

    #: without moto's "a launch always says pending": the answer to a repeated token shows the state of today
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
        """moto has Amazon's own images only."""
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


def services_of(cloud: Cloud, metrics: Metrics, alarms: Alarms) -> dict[str, type[Service]]:
    """By the name that a request's signature carries."""
    Service.cloud = cloud
    CloudWatch.metrics, CloudWatch.alarms = metrics, alarms
    return {"ec2": Ec2, "monitoring": CloudWatch, "ssm": Ssm, "sts": Sts}
