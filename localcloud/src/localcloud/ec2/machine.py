"""One EC2 instance: moto's, with the states and facts that it lacks. Data only, since it is pickled."""

import time
from ipaddress import ip_address, ip_network
from typing import Any

from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance, InstanceState, StateReason

from localcloud.clock import moment
from localcloud.ec2.burstable import baseline
from localcloud.ec2.states import State

USER = "Client.UserInitiatedShutdown", "User initiated shutdown"
FROM_INSIDE = "Client.InstanceInitiatedShutdown", "Instance initiated shutdown"
OUR_FAULT = "Server.InternalError", "Internal error on launch"


class Machine(Instance):
    """The result of a launch. moto answers from the attributes that it knows; the rest is ours."""

    #: why the present start will be undone. A class default, since homes of earlier versions have machines without it
    undone: tuple[str, str] | None = None
    #: user, public key and end (real time) of keys sent by EC2 Instance Connect; a default for the same reason
    invitations: tuple[tuple[str, bytes, float], ...] = ()

    def __init__(self, backend: Any, image_id: str, user_data: Any, **launch: Any) -> None:
        self.boot_key: str = launch.pop("public_key")
        self.host_key: str = launch.pop("host_key")
        self.cpu_credits: str = launch.pop("cpu_credits")
        self.asked_by_token: str = launch.pop("asked_by_token")
        self.number: int = launch.pop("number")  # unique while it lives; its sandbox's user is derived from it
        self.reservation_id: str = ""
        self.phase = State.PENDING
        self.due: float | None = None  # real time at which the phase ends by itself
        self.running_since: float = 0.0  # real time: status checks take real seconds
        self.gone_at: float | None = None  # when it terminated, on the cloud's clock
        self.reboot_asked = False
        super().__init__(backend, image_id, user_data, [], **launch)
        self.hypervisor = "xen"  # EC2 says so, also on Nitro
        self.enter(State.PENDING)
        for interface in self.nics.values():
            interface.public_ip = None  # moto gives one at once; EC2 when it runs
            interface.description = next((nic.get("Description", "") for nic in launch["nics"]), "")

    @property
    def live(self) -> bool:
        """Return whether it still has a disk and a network interface."""
        return self.phase is not State.TERMINATED

    @property
    def primary(self) -> NetworkInterface | None:
        return self.nics.get(0)

    @property
    def wants_public_address(self) -> bool:
        return self.primary is not None and bool(self.primary.public_ip_auto_assign)

    @property
    def address(self) -> str | None:
        return self.primary.public_ip if self.primary else None

    @address.setter
    def address(self, value: str | None) -> None:
        if self.primary:
            self.primary.public_ip = value

    @property
    def groups(self) -> list[Any]:
        return list(self.primary._group_set) if self.primary else []

    @property
    def vcpus(self) -> int:
        return vcpus_of(self.instance_type)

    @property
    def nitro(self) -> bool:
        return str(INSTANCE_TYPES[self.instance_type].get("Hypervisor")) == "nitro"

    @property
    def credit_option(self) -> str:
        """Return the credit option.

        T3, T3a and T4g are unlimited unless somebody says otherwise; T2 is standard; others have none.
        """
        family = self.instance_type.partition(".")[0]
        if baseline(self.instance_type) is None:
            return ""
        return self.cpu_credits or ("standard" if family == "t2" else "unlimited")

    def enter(self, state: State, due: float | None = None) -> None:
        self.phase = state
        self.due = due
        self._state = InstanceState(state.label, state.code)

    def because(self, reason: tuple[str, str], now: float) -> None:
        """Set the state reason. The alarm's `ec2:stop` leaves the same words as a person's StopInstances."""
        code, text = reason
        self.state_reason = StateReason(f"{code}: {text}", code)
        who = {USER: "User initiated", FROM_INSIDE: "Instance initiated"}.get(reason, code)
        self._reason = f"{who} ({moment(now):%Y-%m-%d %H:%M:%S} GMT)"

    def starts_again(self, now: float) -> None:
        self.launch_time = moment(now)  # EC2 shows the last start here, not the creation
        self._reason = ""
        self.state_reason = StateReason("pending", "pending")

    def admits(self, source: str, port: int = 22) -> bool:
        """Return whether the groups let `source` in. The port is that of the rules, not the one we really listen on."""
        return any(_allows(rule, source, port) for group in self.groups for rule in group.ingress_rules)

    def invites(self, user: str, key: bytes) -> bool:
        """Return whether EC2 Instance Connect lets this public key in for now."""
        return any(who == [user, key] and time.time() < until for *who, until in self.invitations)


def vcpus_of(instance_type: str) -> int:
    return int(INSTANCE_TYPES[instance_type]["VCpuInfo"]["DefaultVCpus"])


def _allows(rule: Any, source: str, port: int) -> bool:

    if str(rule.ip_protocol) not in ("tcp", "6", "-1"):
        return False
    if str(rule.ip_protocol) != "-1" and not int(rule.from_port or 0) <= port <= int(rule.to_port or 65535):
        return False
    cidr = (rule.ip_range or {}).get("CidrIp")
    return cidr is not None and ip_address(source) in ip_network(cidr, strict=False)
