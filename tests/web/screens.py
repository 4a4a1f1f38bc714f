"""Every screen in every state: how to get there, and who reads it."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core import signing

from ondol import clock
from ondol.accounts.invitations import invite
from ondol.accounts.invited_rows import rows_of
from ondol.accounts.models import AddressChange, ApiToken, Approval, Role, Scope, User
from ondol.accounts.tokens import create_token
from ondol.autostop.forecast import PERIOD, floor
from ondol.autostop.models import CpuReading, StopWarning
from ondol.autostop.warnings import token_of
from ondol.costs.models import Budget, ExchangeRate
from ondol.doctor import records
from ondol.doctor.findings import failed, ok, unknown, warning
from ondol.instances import own_keys
from ondol.instances.models import Instance, Run, SshKey, StatusChange
from ondol.instances.states import Reason, Status
from ondol.outbox.causes import Cause
from ondol.outbox.models import MailServerState, UndeliveredEmail
from ondol.policy.models import Policy, PolicyChange
from tests.web.conftest import machine, person

HER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"


@dataclass(frozen=True)
class Screen:
    name: str
    path: str
    who: str = ""
    """The e-mail address of who has signed in; empty for nobody."""
    status: int = 200


def loads(row: Instance, percents: list[float]) -> None:
    """Save readings up to now, 5 minutes each."""
    last = floor(clock.now() - timedelta(minutes=1)) - PERIOD
    readings = [CpuReading(instance=row, at=last - n * PERIOD, percent=p) for n, p in enumerate(reversed(percents))]
    CpuReading.objects.bulk_create(readings)


def letter(row: Instance, **fields: datetime) -> str:
    """Return the link in an e-mail about its stop."""
    stops_at = clock.now() + timedelta(minutes=8)
    return f"/awake/{token_of(StopWarning.objects.create(instance=row, stops_at=stops_at, **fields))}/"


def taken_over(pk: int) -> str:
    """Return the link in an e-mail to the old address of somebody."""
    old = "bobby@example.org" if "bob" in (email := User.objects.get(pk=pk).email) else email
    row = AddressChange.objects.create(user_id=pk, old=old, new=email, made_at=datetime.now(UTC))
    return f"/old-address/{signing.dumps([row.pk, pk, old], salt='ondol.old-address')}/"


def invited(by: User) -> str:
    """Return the link in an e-mail that invites somebody."""
    invite(rows_of("frank@example.org,Frank,KIGAM")[0], by)
    user = User.objects.get(email="frank@example.org")
    return f"/invitation/{signing.dumps([user.pk, user.email], salt='ondol.invitation')}/"


def furnish() -> list[Screen]:
    """Fill the database, and return all screens."""
    soon = clock.now() + timedelta(minutes=5)
    alice = person("alice@example.org", role=Role.ADMIN)
    bob = person("bob@example.org")
    bob.set_password("a warm floor")
    bob.save()
    loads(machine(bob, address_changed=True, minutes_ago=300), [40, 95, 99, 62, 3, 1, 0.4, 0.5, 12, 71, 70, 4, 0.3])
    about_to_stop = machine(person("soon@example.org"), minutes_ago=100)
    loads(about_to_stop, [80, 22, *[0.4] * 7])
    run = about_to_stop.run.launched_at
    create_token(bob, "script", list(Scope)[:2])
    create_token(bob, "notebook")
    ApiToken.objects.filter(name="notebook").update(used_at=datetime.now(UTC), used_from="203.0.113.5")
    ExchangeRate.objects.create(krw=Decimal("1387.50"), as_of=clock.now().date(), set_by=alice)
    Budget.objects.create(usd=Decimal("0.01"), stops=True)
    for name in ("carol", "한소희"):
        person(f"{name.encode().hex()[:8] if name != 'carol' else name}@example.org", Approval.PENDING, name=name)
    person("dan@example.org", Approval.REJECTED, decision_reason="Unknown.", decided_at=clock.now(), decided_by=alice)
    erin = person("erin@example.org", Approval.SUSPENDED, decision_reason="Left.", decided_at=clock.now())
    machine(erin)
    person("none@example.org")
    _check_up()
    _outbox()
    states = {
        "pending": (Status.PENDING, Reason.PERSON, {"minutes_ago": 0.2, "security_group_id": "sg-1"}),
        "slow": (
            Status.PENDING,
            Reason.PERSON,
            {"minutes_ago": 9, "tries": 4, "next_at": soon, "error_code": "RequestLimitExceeded"},
        ),
        "starting": (Status.STARTING, Reason.PERSON, {}),
        "unreachable": (Status.RUNNING, Reason.UNREACHABLE, {}),
        "stopping": (Status.STOPPING, Reason.PERSON, {}),
        "idle": (Status.STOPPED, Reason.IDLE, {"minutes_ago": 700}),
        "resizing": (Status.STOPPED, Reason.PERSON, {"volume_id": "vol-1", "seen_type": "t3.large"}),
        "size-refused": (Status.STOPPED, Reason.PERSON, {"minutes_ago": 90}),
        "no-capacity": (Status.STOPPED, Reason.NO_CAPACITY, {"error_ref": "K7F3M2QP"}),
        "failed": (Status.FAILED, Reason.QUOTA, {}),
        "terminating": (Status.TERMINATING, Reason.ADMIN, {}),
    }
    for name, (status, reason, fields) in states.items():
        machine(person(f"{name}@example.org"), status, reason, **fields)
    awake = person("awake@example.org")
    at_night = {"has_hours": True, "opens_at": time(7), "closes_at": time(23), "weekends": False, "zone": "Asia/Seoul"}
    Policy.objects.create(owner=awake, idle_minutes=90, why="Nobody is there at night.", **at_night)
    PolicyChange.objects.create(owner=awake, what={"idle_minutes": [None, 90]}, by=alice)
    rule = {"armed_idle_minutes": 90, "warm_up_minutes": 100}
    machine(awake, awake_until=soon, armed_awake_until=soon, **rule)
    refused = Instance.objects.get(owner__email="size-refused@example.org")
    why = {"code": "VolumeModificationRateExceeded", "wish": {"volume_gib": 50}, "reference": "7KQ4MX2P"}
    same = {"instance": refused, "old": refused.status, "new": refused.status, "at": clock.now()}
    StatusChange.objects.create(reason=Reason.SIZE_REFUSED, detail=why, **same)
    idle = User.objects.get(email="idle@example.org")
    receipt = {"cpu": [0.42, 0.4, 1.3, 0.38, 0.4, 4.71], "rule": {"minutes": 30, "percent": 5.0}}
    Run.objects.filter(instance__owner=idle).update(receipt=receipt)
    StatusChange.objects.filter(instance__owner=idle).update(detail=receipt)
    TOTP.activate(idle, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(idle)
    _own_key(person("own-key@example.org"))
    bobs, erins = (User.objects.get(email=f"{name}@example.org").pk for name in ("bob", "erin"))
    return [
        Screen("sign-in", "/accounts/login/"),
        Screen("sign-up", "/accounts/signup/"),
        Screen("forgotten password", "/accounts/password/reset/"),
        Screen("reset is under way", "/accounts/password/reset/done/"),
        Screen("old reset link", "/accounts/password/reset/key/1-abc/"),
        Screen("new password is set", "/accounts/password/reset/key/done/"),
        Screen("letter is under way", "/accounts/confirm-email/"),
        Screen("old confirmation link", "/accounts/confirm-email/abc/"),
        Screen("closed account", "/accounts/inactive/"),
        Screen("sign-out", "/accounts/logout/", "carol@example.org"),
        Screen("waiting", "/", "carol@example.org"),
        Screen("rejected", "/", "dan@example.org"),
        Screen("suspended", "/", "erin@example.org"),
        Screen("no machine", "/", "none@example.org"),
        Screen("running", "/", "bob@example.org"),
        Screen("about to stop", "/", "soon@example.org"),
        Screen("about to stop, elsewhere", "/settings/", "soon@example.org"),
        Screen("link in a letter", letter(about_to_stop, launched_at=run)),
        Screen("link in a letter, to somebody else", letter(about_to_stop, launched_at=run), "bob@example.org"),
        Screen("used link", letter(about_to_stop, launched_at=run, used_at=clock.now()), status=410),
        Screen("link of another run", letter(about_to_stop, launched_at=clock.now()), status=409),
        Screen("unknown link", "/awake/abc/", status=404),
        *(Screen(name, "/", f"{name}@example.org") for name in states),
        Screen("help", "/help/", "bob@example.org"),
        Screen("key for a machine", "/machine/next-key/", "none@example.org"),
        Screen("key of one's own for the next machine", "/machine/next-key/", "own-key@example.org"),
        Screen("running with a key of one's own", "/", "own-key@example.org"),
        Screen("kept awake", "/", "awake@example.org"),
        Screen("account", "/settings/", "bob@example.org"),
        Screen("e-mail address", "/accounts/email/", "bob@example.org"),
        Screen("password", "/accounts/password/change/", "bob@example.org"),
        Screen("second factor", "/accounts/2fa/", "bob@example.org"),
        Screen("second factor on", "/accounts/2fa/", "idle@example.org"),
        Screen("authenticator app", "/accounts/2fa/totp/activate/", "bob@example.org"),
        Screen("authenticator app off", "/accounts/2fa/totp/deactivate/", "idle@example.org"),
        Screen("recovery codes", "/accounts/2fa/recovery-codes/", "idle@example.org"),
        Screen("new recovery codes", "/accounts/2fa/recovery-codes/generate/", "idle@example.org"),
        Screen("security keys", "/accounts/2fa/webauthn/", "bob@example.org"),
        Screen("new security key", "/accounts/2fa/webauthn/add/", "bob@example.org"),
        Screen("password again", "/accounts/reauthenticate/", "bob@example.org"),
        Screen("authenticator app again", "/accounts/2fa/reauthenticate/", "idle@example.org"),
        Screen("taking back an address", taken_over(bobs)),
        Screen("an address that is as it was", taken_over(erins), status=404),
        Screen("invitation", invited(alice)),
        Screen("an invitation that was made up", "/invitation/x/", status=404),
        Screen("invite people", "/admin/people/invite/", "alice@example.org"),
        Screen("announcement", "/admin/announcement/", "alice@example.org"),
        Screen("connected accounts", "/accounts/3rdparty/", "bob@example.org"),
        Screen("sessions", "/accounts/sessions/", "bob@example.org"),
        Screen("overview", "/admin/", "alice@example.org"),
        Screen("people", "/admin/people/", "alice@example.org"),
        Screen("people, nobody found", "/admin/people/?q=zzzz&sort=-signed_in", "alice@example.org"),
        Screen("person", f"/admin/people/{erins}/", "alice@example.org"),
        Screen("terminate", f"/admin/people/{bobs}/terminate/", "alice@example.org"),
        Screen("costs", "/costs/", "bob@example.org"),
        Screen("everybody's costs", "/admin/costs/", "alice@example.org"),
        Screen("somebody's costs", f"/admin/costs/{bobs}/", "alice@example.org"),
        Screen("history", "/history/", "idle@example.org"),
        Screen("somebody's history", f"/admin/people/{bobs}/history/", "alice@example.org"),
        Screen("machines", "/admin/fleet/", "alice@example.org"),
        Screen("stop", f"/admin/fleet/stop/?people={bobs}&people={awake.pk}&people={erins}", "alice@example.org"),
        Screen("rules", "/admin/policy/", "alice@example.org"),
        Screen("somebody's rules", f"/admin/policy/{awake.pk}/", "alice@example.org"),
        Screen("activity", "/admin/activity/", "alice@example.org"),
        Screen("check-up", "/admin/doctor/", "alice@example.org"),
        Screen("forbidden", "/admin/people/", "bob@example.org", 403),
        Screen("not found", "/nowhere", "bob@example.org", 404),
        Screen("for a button", "/machine/create/", "bob@example.org", 405),
        Screen("not found, administrator", "/nowhere", "alice@example.org", 404),
    ]


def _own_key(owner: User) -> None:
    """Let somebody's machine have a key of theirs, and the next one too."""
    own_keys.choose(owner, f"{HER_KEY} a-long-name-of-a-person@a-long-name-of-a-computer.example.org")
    row, chosen = machine(owner, key=False), own_keys.chosen(owner)
    SshKey.objects.create(
        instance=row, origin="own", public_key=HER_KEY, comment=chosen.comment, key_pair_name="k", fingerprint="f"
    )


def _outbox():
    """Let the mail server be away, with one e-mail that was given up and one that waits."""
    now = datetime.now(UTC)
    MailServerState.objects.create(
        failing_since=now, next_try_at=now, cause=Cause.UNREACHABLE, answer="Connection refused"
    )
    about = {"task": "ondol.accounts.send", "args": {}, "since": now, "subject": "[Ondol] Your account is suspended"}
    refused = "550 5.1.1 <dan@example.org>: Recipient address rejected: User unknown in virtual mailbox table"
    UndeliveredEmail.objects.create(
        job=1, to="dan@example.org", cause=Cause.RECIPIENT, answer=refused, given_up_at=now, **about
    )
    UndeliveredEmail.objects.create(job=2, to="erin@example.org", cause=Cause.UNREACHABLE, next_try_at=now, **about)


def _check_up():
    """Save one finding of each kind."""
    untried = "ec2:AuthorizeSecurityGroupIngress, ec2:TerminateInstances, cloudwatch:PutMetricAlarm"
    found = [
        ok("database", "sound", version="18.4"),
        failed("route", "missing", subnet="subnet-0123456789abcdef0"),
        warning("quota", "low", vcpus=5, machines=2, type="t3.small", quota="L-1216C47A"),
        unknown("permissions", "untried", actions=untried),
    ]
    records.keep(found, datetime.now(UTC))
