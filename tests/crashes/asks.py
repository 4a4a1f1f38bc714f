"""What people and administrators ask, each in a fork of the nursery. By the product's own actions."""

import hashlib
from datetime import timedelta
from ipaddress import ip_network

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.test import Client

from ondol import clock
from ondol.accounts.models import SshAddress, User
from ondol.accounts.people import add_user, approve
from ondol.accounts.people import suspend as suspend_person
from ondol.accounts.tokens import create_token, scopes_of
from ondol.autostop import awake
from ondol.autostop.forecast import PERIOD, floor
from ondol.autostop.models import CpuReading
from ondol.instances import actions, key_replacement, resizing, ssh_ranges
from ondol.instances.key_file import take_key
from ondol.instances.models import Instance, KeyOrigin, SshKey
from tests.signed_in import sign_in


def people(*names: str) -> None:
    """Approved people, and ada, who administers."""
    add_user("ada@example.org", "Ada", admin=True)
    for name in names:
        add_user(f"{name}@example.org", name.title(), approved=True)


def create(name: str) -> None:
    actions.create(_user(name))


def create_own(name: str) -> None:
    """Ask for a machine with a key that this person has had before."""
    actions.create(_user(name), public_key=_own_line(name))


def replace(name: str) -> None:
    """Ask for another key, which AWS is to make."""
    key_replacement.replace_key(_user(name))


def replace_own(name: str) -> None:
    """Ask that the key that this person keeps at home be the only one."""
    key_replacement.replace_key(_user(name), _own_line(name))


def own_key(name: str) -> Ed25519PrivateKey:
    """Return the key that somebody keeps at home: the same one each time."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def _own_line(name: str) -> str:
    return own_key(name).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def start(name: str) -> None:
    actions.start(_user(name))


def stop(name: str) -> None:
    actions.stop(_user(name))


def resize(name: str) -> None:
    """Both at once, as on the page."""
    resizing.change_size(_user(name), "t3.medium", 40)


def keep_awake(name: str) -> None:
    awake.keep_awake(_user(name), clock.now() + timedelta(hours=4))


def download(name: str) -> None:
    """Have a reading that shows a download, and that CloudWatch does not correct meanwhile."""
    row = Instance.objects.get(owner=_user(name), status="RUNNING")
    at = floor(clock.now()) + 2 * PERIOD
    CpuReading.objects.create(instance=row, at=at, percent=0.5, network_in=600_000_000, network_out=0)


def let_in(name: str, cidr: str) -> None:
    """Name an address of one's own."""
    ssh_ranges.add(_user(name), ip_network(cidr))


def shut_out(name: str, cidr: str) -> None:
    """Remove it."""
    user = _user(name)
    ssh_ranges.remove(user, SshAddress.objects.get(user=user, cidr=cidr).pk)


def terminate(name: str) -> None:
    """Terminate the machine of this person, by ada."""
    actions.terminate(_user(name), by=_user("ada"))


def suspend(name: str) -> None:
    """Suspend this person, by ada."""
    suspend_person(_user(name).pk, _user("ada"), "Left.")


def come_back(name: str) -> None:
    """Approve this person again, by ada; they start their machine."""
    approve(_user(name).pk, _user("ada"))
    start(name)


def key(name: str) -> str:
    """The private key as its owner gets it, or has it at home."""
    if SshKey.objects.get(instance=actions.current(_user(name))).origin == KeyOrigin.OWN:
        return own_key(name).private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return take_key(_user(name)).text


def token(name: str) -> str:
    """Return a token for the API."""
    return create_token(_user(name), "crashes", scopes_of(_user(name)))


def session(name: str) -> str:
    """The cookie of somebody who has signed in."""
    return sign_in(Client(), _user(name))


def _user(name: str) -> User:
    return User.objects.get(email=f"{name}@example.org")
