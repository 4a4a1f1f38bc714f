"""Ada's desk and Bob's browser: who acts in the tests of the record, and from where."""

from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from ondol.accounts.models import ApiToken, User
from ondol.autostop.policies import set_policy
from ondol.instances.models import ChosenKey, Instance, KeyOrigin
from ondol.instances.states import Status
from ondol.policy.catalog import stored_fields
from ondol.policy.models import Policy, PolicyChange
from tests.api.caller import Program
from tests.instances.rig import made
from tests.web.browser import sign_in
from tests.web.conftest import keep, person
from tests.web.test_step_up import soon

PASSWORD = "the floor is warm"
FROM = "203.0.113.9"
B, A, C = "bob@example.org", "ada@example.org", "carol@example.org"
LAPTOP = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDdX5g0yJ1o2uR1f0Qk8pQeK0m2l7v1s9m1t3u5w7x9y bob@laptop"


class World:
    """Ada, who administrates, and Bob with a machine, each with a browser and a program."""

    def __init__(self, status=Status.RUNNING):
        cache.clear()
        self.ada, self.bob = person("ada@example.org", role="ADMIN"), person("bob@example.org")
        self.carol = person("carol@example.org", "PENDING")
        for user in (self.ada, self.bob):
            user.set_password(PASSWORD)
            user.save()
            EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
        self.machine = made(self.bob, status=status, instance_id="i-0123456789abcdef0", root_device="/dev/sda1")
        keep(self.machine)
        self.desk, self.browser = self._browser(self.ada), self._browser(self.bob)
        self.admin, self.program = Program(self.ada), Program(self.bob)

    def _browser(self, user):
        browser = Client(REMOTE_ADDR=FROM, headers={"User-Agent": "Firefox/140 Linux\x07"})
        sign_in(browser, user)
        return browser

    def post(self, page, /, *args, **fields):
        return self.browser.post(reverse(page, args=args), fields)

    def admins(self, page, /, *args, **fields):
        return self.desk.post(reverse(page, args=args), fields)


def own_token(world):
    return ApiToken.objects.get(user=world.bob).pk


def add_range(world):
    world.post("ssh_address_add", cidr="203.0.113.7", label="home")
    return world.bob.ssh_addresses.get().pk


def ended(world):
    """Bob's machine is terminated."""
    Instance.objects.update(status=Status.TERMINATED)
    return world


def announced(world):
    """An announcement is shown."""
    world.admins("admin_announcement", text_en="Hi", kind="WARNING", until=soon())
    return world


def chosen(world):
    """Bob's next machine has a key of his own."""
    ChosenKey.objects.create(owner=world.bob, origin=KeyOrigin.OWN, public_key=LAPTOP[:80])
    return world


def resting(world):
    """Bob's machine is stopped."""
    Instance.objects.update(status=Status.STOPPED)
    return world


def two_admins(world):
    """Bob administrates, too."""
    User.objects.filter(pk=world.bob.pk).update(role="ADMIN")
    return world


def nothing_left(world):
    """Bob may start, make and change nothing more today; a machine that he has rests."""
    Policy.objects.create(owner=world.bob, starts_a_day=0, creations_a_day=0, type_changes_a_day=0)
    Instance.objects.exclude(status=Status.TERMINATED).update(status=Status.STOPPED)
    return world


def changed(world, times=1):
    """Return the first change of Bob's rules, which have been changed so many times."""
    for minutes in range(60, 60 + 5 * times, 5):
        values = dict.fromkeys(stored_fields()) | {"weekends": True, "zone": "", "why": "", "idle_minutes": minutes}
        set_policy(world.bob, world.ada, values)
    return PolicyChange.objects.filter(owner=world.bob).earliest("pk").pk
