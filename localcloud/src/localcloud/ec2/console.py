"""The console output of a machine, as far as anybody needs it: its host key and that the login is there."""

from localcloud.ec2.machine import Machine
from localcloud.sandboxes.hostkeys import fingerprint, public_line


def output(machine: Machine) -> str:
    host = machine.private_dns_name.partition(".")[0]
    return "\n".join(
        [
            "Ubuntu 24.04 LTS",
            "-----BEGIN SSH HOST KEY FINGERPRINTS-----",
            f"256 {fingerprint(machine.host_key)} root@{host} (ED25519)",
            "-----END SSH HOST KEY FINGERPRINTS-----",
            "-----BEGIN SSH HOST KEY KEYS-----",
            f"{public_line(machine.host_key)} root@{host}",
            "-----END SSH HOST KEY KEYS-----",
            f"{host} login: ",
        ]
    )
