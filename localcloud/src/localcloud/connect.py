"""EC2 Instance Connect: a public key with which a running machine can be entered for a minute."""

import time
import uuid

import asyncssh
from moto.core.responses import ActionResult

from localcloud.ec2.states import State
from localcloud.errors import AwsError
from localcloud.service import Service

#: seconds of real time
LETS_IN_FOR = 60


class InstanceConnect(Service):
    """The API of EC2 Instance Connect, as far as it is about SSH. The machine's server asks `Machine.invites`."""

    def __init__(self) -> None:
        super().__init__(service_name="ec2-instance-connect")
        self.automated_parameter_parsing = True

    def send_ssh_public_key(self) -> ActionResult:
        instance_id, user = str(self._get_param("InstanceId")), str(self._get_param("InstanceOSUser"))
        machine = self.cloud.region.machine(instance_id)
        if machine is None:
            raise AwsError("EC2InstanceNotFoundException", f"The instance {instance_id} was not found.")
        if machine.phase is not State.RUNNING:
            raise AwsError("EC2InstanceStateInvalidException", f"The instance {instance_id} is not running.")
        try:
            key = asyncssh.import_public_key(str(self._get_param("SSHPublicKey")))
        except asyncssh.KeyImportError:
            raise AwsError("InvalidArgsException", "SSHPublicKey is not an OpenSSH public key.") from None
        until = time.time() + LETS_IN_FOR
        others = tuple(one for one in machine.invitations if one[2] > time.time())
        machine.invitations = (*others, (user, key.public_data, until))
        return ActionResult({"RequestId": str(uuid.uuid4()), "Success": True})
