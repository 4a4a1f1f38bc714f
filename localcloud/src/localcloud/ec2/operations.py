"""EC2's calls about instances, answered as Amazon answers them. moto parses the request and writes the XML."""

import base64
import time
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import camelcase_to_underscores
from moto.ec2.responses import EC2Response

from localcloud.ec2 import console, describe, xml
from localcloud.ec2.burstable import baseline
from localcloud.ec2.filters import STATUS_FILTERS, matching
from localcloud.ec2.launch import check_architecture, check_type_exists, digest_of, read_order
from localcloud.ec2.machine import Machine, vcpus_of
from localcloud.ec2.states import CHECKS_TAKE, Refused, State, checks
from localcloud.errors import AwsError, combination, missing, unknown_filter, wrong_state
from localcloud.pages import page
from localcloud.sandboxes.hostkeys import new_host_key
from localcloud.service import Service


class Instances(Service, EC2Response):
    """Calls about instances: launching, describing, starting, stopping, terminating, changing."""

    def run_instances(self) -> ActionResult:
        params = dict(self.params)
        digest = digest_of(params)
        known = self.cloud.region.asked_before(params.get("ClientToken") or "", digest)
        if known is None:
            order = read_order(params, self.cloud.region)
            self.error_on_dryrun()
            self._check_quota([(order.instance_type, vcpus_of(order.instance_type))] * order.count)
            keys = [new_host_key() for _ in range(order.count)]
            known = self.cloud.region.launch(order, keys, self.cloud.clock.now())
            for machine in known.instances:
                self.cloud.begins(machine)  # type: ignore[arg-type]
        self.error_on_dryrun()
        return ActionResult(describe.reservation(known, known.instances))  # type: ignore[arg-type]

    def describe_instances(self) -> str:  # type: ignore[override]
        self.error_on_dryrun()
        ids = self._get_param("InstanceIds", [])
        if ids and self._get_param("MaxResults"):
            raise combination("The parameter instancesSet cannot be used with the parameter maxResults")
        machines = self.cloud.region.machines_named(ids) if ids else self.cloud.region.machines
        found = self.settled(matching(machines, self._get_param("Filters", [])))
        shown, token = page(found, self._get_param("MaxResults"), self._get_param("NextToken"))
        self.response_headers["Content-Type"] = "text/xml;charset=UTF-8"
        return xml.answer("DescribeInstances", {"Reservations": self._reservations(shown), "NextToken": token})

    def _reservations(self, machines: list[Machine]) -> list[dict[str, Any]]:
        together: dict[str, list[Machine]] = {}
        for machine in machines:
            together.setdefault(machine.reservation_id, []).append(machine)
        return [describe.reservation(self.cloud.region.reservations[key], some) for key, some in together.items()]

    def describe_instance_status(self) -> ActionResult:
        self.error_on_dryrun()
        ids = self._get_param("InstanceIds", [])
        filters = self._get_param("Filters", [])
        for one in filters:
            if one.get("Name") not in STATUS_FILTERS:
                raise unknown_filter(str(one.get("Name")))
        machines = self.cloud.region.machines_named(ids) if ids else self.cloud.region.machines
        found = matching(machines, [one for one in filters if not one["Name"].endswith("-status.status")])
        if not self._get_bool_param("IncludeAllInstances", False):
            found = [machine for machine in found if machine.phase is State.RUNNING]
        statuses = [_status(machine, CHECKS_TAKE / self.cloud.hurry) for machine in found]
        for one in filters:
            if one["Name"].endswith("-status.status"):
                statuses = [status for status in statuses if status["InstanceStatus"]["Status"] in one["Values"]]
        shown, token = page(statuses, self._get_param("MaxResults"), self._get_param("NextToken"))
        return ActionResult({"InstanceStatuses": shown, "NextToken": token})

    def start_instances(self) -> ActionResult:
        return ActionResult({"StartingInstances": self._all("start")})

    def stop_instances(self) -> ActionResult:
        return ActionResult({"StoppingInstances": self._all("stop", "disableApiStop")})

    def terminate_instances(self) -> ActionResult:
        return ActionResult({"TerminatingInstances": self._all("terminate", "disableApiTermination", "disableApiStop")})

    def reboot_instances(self) -> ActionResult:
        self._all("reboot")
        return EmptyResult()

    def _all(self, request: str, *protections: str) -> list[dict[str, Any]]:
        """Change every instance or none: the checks come first, since AWS refuses the whole call for one wrong
        machine."""
        ids = self._get_param("InstanceIds", [])
        if not ids:
            raise missing("InstanceId")
        machines = self.cloud.region.machines_named(ids)
        try:
            for machine in machines:
                self.cloud.may(request, machine)
        except Refused as refusal:
            raise wrong_state(str(refusal)) from refusal
        for machine in machines:
            for attribute in protections if machine.live else ():
                if getattr(machine, camelcase_to_underscores(attribute)):
                    raise _protected(machine, request, attribute)
        self.error_on_dryrun()
        if request == "start":
            self._check_quota([(m.instance_type, m.vcpus) for m in machines if m.phase is State.STOPPED])
        changes = []
        for machine in machines:
            before = self.cloud.ask(request, machine)
            changes.append(
                {"InstanceId": machine.id, "PreviousState": before.shown(), "CurrentState": machine.phase.shown()}
            )
        return changes

    def _check_quota(self, more: list[tuple[str, int]]) -> None:
        running = [m for m in self.cloud.region.machines if m.phase in (State.PENDING, State.RUNNING)]
        self.cloud.quotas.check_vcpus(running, more)

    def modify_instance_attribute(self) -> ActionResult:
        instance_id = self._get_param("InstanceId")
        if not instance_id:
            raise missing("InstanceId")
        (machine,) = self.cloud.region.machines_named([instance_id])
        wanted = self._get_param("InstanceType.Value")
        if self._get_param("Attribute") == "instanceType":
            wanted = self._get_param("Value")
        if wanted:
            check_type_exists(wanted)
            self._must_be_stopped(machine, "instanceType")
            check_architecture(wanted, str(machine.architecture))
        if self._get_param("UserData.Value") is not None:
            self._must_be_stopped(machine, "userData")
        self.error_on_dryrun()
        if wanted and baseline(wanted) is None:
            machine.cpu_credits = ""  # a later burstable type begins with the default
        groups = self._get_param("Groups", [])
        if groups:
            machine.primary._group_set = [self._group(group_id) for group_id in groups]  # type: ignore[union-attr]
            return EmptyResult()
        return super().modify_instance_attribute()

    def _group(self, group_id: str) -> Any:
        group = self.cloud.region.get_security_group_from_id(group_id)
        if group is None:
            raise AwsError("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
        return group

    @staticmethod
    def _must_be_stopped(machine: Machine, attribute: str) -> None:
        if machine.phase is not State.STOPPED:
            raise wrong_state(
                f"The instance '{machine.id}' is not in the 'stopped' state: cannot modify '{attribute}'."
            )

    def get_console_output(self) -> ActionResult:
        """Return the host keys, as cloud-init prints them at the first boot, to check a machine before the first
        login."""
        (machine,) = self.cloud.region.machines_named([self._get_param("InstanceId")])
        text = console.output(machine) if machine.running_since else ""
        return ActionResult(
            {
                "InstanceId": machine.id,
                "Timestamp": machine.launch_time,
                "Output": base64.b64encode(text.encode()).decode(),
            }
        )

    def modify_instance_credit_specification(self) -> ActionResult:
        wanted = {one["InstanceId"]: one["CpuCredits"] for one in self._get_param("InstanceCreditSpecifications", [])}
        machines = self.cloud.region.machines_named(list(wanted))
        self.error_on_dryrun()
        done, refused = [], []
        for machine in machines:
            if machine.credit_option:
                machine.cpu_credits = wanted[machine.id]
                done.append({"InstanceId": machine.id})
            else:
                error = {"Code": "InstanceCreditSpecification.NotSupported", "Message": "It is not burstable."}
                refused.append({"InstanceId": machine.id, "Error": error})
        return ActionResult(
            {
                "SuccessfulInstanceCreditSpecifications": done,
                "UnsuccessfulInstanceCreditSpecifications": refused,
            }
        )

    def describe_instance_credit_specifications(self) -> ActionResult:
        ids = self._get_param("InstanceIds", [])
        machines = self.cloud.region.machines_named(ids) if ids else self.cloud.region.machines
        shown = [{"InstanceId": machine.id, "CpuCredits": machine.credit_option} for machine in machines]
        return ActionResult({"InstanceCreditSpecifications": [one for one in shown if one["CpuCredits"]]})


def _protected(machine: Machine, request: str, attribute: str) -> AwsError:
    verb = {"stop": "stopped", "terminate": "terminated"}[request]
    return AwsError(
        "OperationNotPermitted",
        f"The instance '{machine.id}' may not be {verb}. Modify its '{attribute}' instance attribute and try again.",
    )


def _status(machine: Machine, checks_take: float) -> dict[str, Any]:
    status: dict[str, Any] = {"Status": "not-applicable"}
    if machine.phase is State.RUNNING:
        word = checks(time.time() - machine.running_since, checks_take)
        detail = {"Name": "reachability", "Status": "passed" if word == "ok" else word}
        status = {"Status": word, "Details": [detail]}
    return {
        "InstanceId": machine.id,
        "AvailabilityZone": machine.availability_zone,
        "InstanceState": machine.phase.shown(),
        "InstanceStatus": status,
        "SystemStatus": status,
    }
