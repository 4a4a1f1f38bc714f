"""A machine is constructed of what we know, and is what its schema would make of it."""

import json
from datetime import time, timedelta
from decimal import Decimal

import pytest
from ninja.responses import NinjaJSONEncoder

from ondol import clock
from ondol.accounts.models import User
from ondol.api import shown
from ondol.api.schemas import AutoStop, Machine, MachineSummary
from ondol.autostop.models import CpuReading
from ondol.deployment.models import Deployment
from ondol.instances.models import Instance, SshKey
from ondol.instances.replacements import KeyReplacement, ReplacementState
from ondol.instances.states import Reason, Status
from ondol.policy.models import Policy
from tests.instances.rig import made, person

HERS = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea alice@lab"


def running(owner: User, *, percent: float = 80.0, reading: dict[str, float] | None = None, **fields) -> Instance:
    """Return one that has run for two hours, armed, with a reading."""
    began = clock.now() - timedelta(hours=2)
    row = made(
        owner, status=Status.RUNNING, instance_id=f"i-{owner.pk:017x}", public_ip="203.0.113.17", launched_at=began,
        armed_at=began, ready_at=began, warm_up_minutes=40, armed_idle_minutes=30, alarm_verified_at=clock.now(),
        ami_id="ami-0a10c3b5f2d4e6002", key_pair_name="k", private_ip="10.20.0.4", ipv6_address="2001:db8:0:14::4",
        **fields,
    )  # fmt: skip
    CpuReading.objects.create(instance=row, at=clock.now() - timedelta(minutes=8), percent=percent, **reading or {})
    return row


def one_that_has_been_asked_for(owner):
    return made(owner, status=Status.PENDING)


def one_that_computes(owner):
    return running(owner)


def one_that_idles(owner):
    return running(owner, percent=1.0)


def one_that_downloads(owner):
    lease = clock.now() + timedelta(minutes=20)
    return running(owner, percent=1.0, reading={"network_in": 10**10, "network_out": 0}, lease_until=lease)


def one_that_is_kept_awake(owner):
    return running(owner, percent=1.0, awake_until=clock.now() + timedelta(hours=3))


def one_that_has_used_up_its_credits(owner):
    return running(owner, percent=20.0, reading={"credits": 0.0})


def one_with_rules_of_its_own(owner):
    Policy.objects.create(
        idle_core_percent=Decimal("12.5"), network_kbs=0, has_hours=True, opens_at=time(9), closes_at=time(18)
    )
    return running(owner, percent=1.0)


def one_that_aws_has_not_confirmed(owner):
    row = running(owner)
    Deployment.current().update(confirmed_at=clock.now() - timedelta(hours=1))
    return row


def one_with_her_own_key(owner):
    row = running(owner)
    SshKey.objects.create(instance=row, origin="own", public_key=HERS, comment="alice@lab", key_pair_name="k")
    return row


def one_whose_key_was_not_replaced(owner):
    row = running(owner)
    SshKey.objects.create(instance=row, key_pair_name="k", sealed_private_key=b"\x02" + bytes(60), fingerprint="ab:cd")
    KeyReplacement.objects.create(
        instance=row, state=ReplacementState.DONE, origin="aws", failure="no_answer", error_ref="7KQ4MX2P",
        ended_at=clock.now(),
    )  # fmt: skip
    return row


def one_that_was_stopped_for_idling(owner):
    return made(owner, status=Status.STOPPED, status_reason=Reason.IDLE, stopped_at=clock.now())


def one_that_found_no_capacity(owner):
    return made(
        owner, status=Status.STOPPED, status_reason=Reason.NO_CAPACITY, error_code="InsufficientInstanceCapacity"
    )


def one_that_could_not_be_made(owner):
    return made(owner, status=Status.FAILED, status_reason=Reason.LAUNCH_FAILED, error_ref="7KQ4MX2P")


KINDS = [kind for name, kind in list(globals().items()) if name.startswith("one_")]


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_it_is_what_its_schema_would_make_of_it(kind):
    alice = person("alice")
    row = Instance.objects.get(pk=kind(alice).pk)
    for schema, told in ((Machine, shown.machine(row, alice)), (MachineSummary, shown.summary(row))):
        ours = told.model_dump(by_alias=True)
        checked = schema.model_validate(ours).model_dump(by_alias=True)
        assert as_json(ours) == as_json(checked)
        assert {name: type(value) for name, value in ours.items()} == {
            name: type(value) for name, value in checked.items()
        }


@pytest.mark.django_db
def test_each_field_is_told_by_one_of_them():
    told: dict[str, object] = {}
    for number, kind in enumerate(KINDS):
        alice = person(f"alice{number}")
        found = shown.machine(Instance.objects.get(pk=kind(alice).pk), alice).model_dump()
        told |= {name: value for name, value in (found | found.pop("auto_stop")).items() if value is not None}
    wanted = {*Machine.model_fields, *AutoStop.model_fields} - {"auto_stop"}
    assert sorted(wanted - set(told)) == []


def as_json(told):
    return json.dumps(told, cls=NinjaJSONEncoder)
