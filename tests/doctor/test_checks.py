"""The findings of each check, from the answers of AWS and the database."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.db.utils import OperationalError

from ondol.accounts.models import User
from ondol.cloud.canary import Shown
from ondol.cloud.errors import Refused, Throttled, Unreachable
from ondol.cloud.port import Image
from ondol.cloud.probes import Caller, InstanceType, Subnet, Verdict
from ondol.config import Config, config
from ondol.doctor import aws_checks, check_up, connections, database, local_checks
from ondol.doctor.findings import Level
from ondol.instances.models import Instance, SshKey
from tests import role
from tests.instances.keys import PEM, keep, sealed_by_an_earlier_version

CONFIG = Config(
    _env_file=None,
    AWS_VPC_ID="vpc-0123456789abcdef0",
    AWS_SUBNET_ID="subnet-0123456789abcdef0",
    ONDOL_SSH_CIDRS="203.0.113.0/24",
)
DENIED = Refused("UnauthorizedOperation")
TYPES = CONFIG.permitted_types


class Amazon:
    """An account in which all is well, except for what a test sets; an error is raised."""

    def __init__(self, **answers):
        network = {"has_vpc": True, "subnet": Subnet(CONFIG.vpc_id, "ap-northeast-2a", 4091)}
        way = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "active"}
        entry = {"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0"}
        machine = {"newest_image": Image("ami-1", "/dev/sda1"), "architecture": "x86_64"}
        types = {"instance_types": dict.fromkeys(TYPES, InstanceType(2, ("x86_64",))), "offered": set(TYPES)}
        self.answers = {
            "caller": Caller("123456789012", "arn:aws:iam::123456789012:role/ondol", datetime.now(UTC)),
            **network, "routes": [way], "acl_entries": [entry | {"Egress": egress} for egress in (False, True)],
            **machine, **types, "quota": 64.0,
            "has_events_role": True, "has_alarms": True, "canary": Shown.KEPT,
            "permissions": [("ec2:RunInstances", Verdict.ALLOWED)],
            **answers,
        }  # fmt: skip

    def __getattr__(self, name):
        def answer(*asked):
            found = self.answers[name]
            if isinstance(found, Exception):
                raise found
            return found

        return answer


def found(check, config=CONFIG, account_id="", **answers):
    """Return level and code of the findings of one check."""
    case = aws_checks.Case(Amazon(**answers), config, account_id)
    said = [finding for finding in check_up.examine(case) if finding.check == check]
    return [(finding.level.value, finding.code) for finding in said]


def test_in_an_account_that_is_set_up_all_is_well():
    findings = check_up.examine(aws_checks.Case(Amazon(), CONFIG))
    assert {finding.level for finding in findings} == {Level.OK}
    assert {finding.check for finding in findings} == {*aws_checks.CHECKS, "clock"}


SUBNET = Subnet(CONFIG.vpc_id, "ap-northeast-2a", 4091)


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        (None, ("failed", "unset")),
        ((), ("ok", "own")),
        (("203.0.113.0/24", "2001:db8::/32"), ("ok", "ranges")),
        (("203.0.113.0/24", "0.0.0.0/0"), ("warning", "open")),
        (("0.0.0.0/1", "128.0.0.0/1"), ("warning", "open")),
        (("::/0",), ("warning", "open")),
    ],
)
def test_who_may_come_in_by_ssh_is_said(ranges, said):
    case = aws_checks.Case(None, CONFIG.model_copy(update={"ssh_cidrs": ranges, "cloud": "aws"}))
    assert [(finding.level.value, finding.code) for finding in aws_checks.ssh(case)][:1] == [said]


@pytest.mark.parametrize(
    ("cidr", "said"),
    [("198.51.100.7/32", ("ok", "workers")), (None, ("warning", "no_workers")), ("", ("ok", "none_wished"))],
)
def test_from_where_workers_come_to_replace_a_key_is_said(cidr, said):
    case = aws_checks.Case(None, CONFIG.model_copy(update={"worker_ssh_cidr": cidr, "cloud": "aws"}))
    assert [(finding.level.value, finding.code) for finding in aws_checks.ssh(case)][1:] == [said]


@pytest.mark.parametrize(
    ("check", "answers", "said"),
    [
        ("credentials", {"caller": Unreachable("NoCredentialsError")}, ("failed", "missing")),
        ("credentials", {"caller": Unreachable("ExpiredToken")}, ("failed", "stale")),
        ("credentials", {"caller": Unreachable("InvalidClientTokenId")}, ("failed", "refused")),
        ("credentials", {"caller": Caller("1", "arn:aws:iam::1:root", datetime.now(UTC))}, ("warning", "root")),
        ("region", {"has_vpc": Unreachable("ConnectTimeoutError")}, ("failed", "silent")),
        ("region", {"has_vpc": Refused("OptInRequired")}, ("failed", "not_enabled")),
        ("region", {"has_vpc": DENIED}, ("ok", "sound")),
        ("vpc", {"has_vpc": False}, ("failed", "missing")),
        ("subnet", {"subnet": None}, ("failed", "missing")),
        ("subnet", {"subnet": Subnet("vpc-2", "ap-northeast-2a", 9)}, ("failed", "elsewhere")),
        ("subnet", {"subnet": Subnet(CONFIG.vpc_id, "ap-northeast-2a", 0)}, ("failed", "full")),
        ("subnet", {"subnet": Subnet(CONFIG.vpc_id, "ap-northeast-2a", 9)}, ("warning", "nearly_full")),
        ("route", {"routes": []}, ("failed", "missing")),
        (
            "route",
            {"routes": [{"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"}]},
            ("failed", "not_public"),
        ),
        (
            "route",
            {"routes": [{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "blackhole"}]},
            ("failed", "broken"),
        ),
        ("acl", {"acl_entries": []}, ("warning", "shut")),
        ("image", {"newest_image": Refused("InvalidAMIID.NotFound")}, ("failed", "missing")),
        ("quota", {"quota": 5.0}, ("warning", "low")),
        ("quota", {"quota": Refused("AccessDeniedException")}, ("unknown", "denied")),
        ("role", {"has_events_role": False}, ("failed", "lost")),
        ("role", {"has_events_role": False, "has_alarms": False}, ("ok", "to_come")),
        ("role", {"has_events_role": Refused("AccessDenied")}, ("unknown", "denied")),
        ("warm_up", {"canary": Shown.IGNORED}, ("warning", "ignored")),
        ("warm_up", {"canary": Shown.REFUSED}, ("warning", "refused")),
        ("warm_up", {"canary": Shown.NOTHING}, ("unknown", "nothing")),
        ("warm_up", {"canary": Refused("AccessDenied")}, ("failed", "denied")),
        ("warm_up", {"canary": Throttled("Throttling")}, ("unknown", "unanswered")),
        ("permissions", {"permissions": [("ec2:RunInstances", Verdict.DENIED)]}, ("failed", "denied")),
    ],
)
def test_what_a_check_says(check, answers, said):
    assert found(check, **answers) == [said]


def test_the_usual_type_must_be_there_for_every_machine_to_be_made():
    arm = dict.fromkeys(TYPES, InstanceType(2, ("x86_64",))) | {"t3.small": InstanceType(2, ("arm64",))}
    others = {name: shown for name, shown in arm.items() if name != "t3.small"}
    assert found("type", instance_types=others) == [("failed", "missing")]
    assert found("type", instance_types=arm) == [("failed", "wrong_image")]
    assert found("type", offered={"t3.medium", "t3.large"}) == [("failed", "not_offered")]


def test_each_type_is_compared_with_the_image_for_its_own_architecture():
    class Both(Amazon):
        def newest_image(self, architecture):
            return Image(f"ami-{architecture}", "/dev/sda1")

        def architecture(self, image):
            return image.image_id.removeprefix("ami-")

    types = {"t4g.small": InstanceType(2, ("arm64",)), "t3.small": InstanceType(2, ("x86_64",))}
    config = CONFIG.model_copy(update={"instance_type": "t4g.small", "instance_types": ("t3.small",)})
    case = aws_checks.Case(Both(instance_types=types, offered=set(types)), config)
    assert [(found.level, found.code) for found in aws_checks.instance_types(case)] == [(Level.OK, "sound")]
    [image] = aws_checks.image(case)
    assert image.params["image"] == "ami-arm64, ami-x86_64"


def test_administrators_are_warned_of_each_type_that_people_would_choose_in_vain():
    x86, arm = InstanceType(2, ("x86_64",)), InstanceType(2, ("arm64",))
    assert found("type", offered={"t3.small"}) == [("ok", "sound"), *[("warning", "not_offered")] * 2]
    assert found("type", instance_types={"t3.small": x86, "t3.large": arm}) == [
        ("ok", "sound"), ("warning", "missing"), ("warning", "wrong_image"),
    ]  # fmt: skip


def test_what_cannot_be_tried_is_said_beside_what_is_allowed():
    tried = [("ec2:RunInstances", Verdict.ALLOWED), ("cloudwatch:PutMetricAlarm", Verdict.UNTRIED)]
    assert found("permissions", permissions=tried) == [("ok", "allowed"), ("unknown", "untried")]


def test_without_the_database_nobody_knows_our_tags_and_nothing_is_tried():
    (said,) = aws_checks.permissions(aws_checks.Case(Amazon(permissions=KeyError()), CONFIG, has_tags=False))
    assert (said.level.value, said.code) == ("unknown", "no_database")


class Quotas(Amazon):
    """A new account: 5 vCPUs of standard types, 8 of those with GPUs, and no other quota."""

    def quota(self, code):
        if code not in {"L-1216C47A", "L-DB2E81BA"}:
            raise Refused("NoSuchResourceException")
        return {"L-1216C47A": 5.0, "L-DB2E81BA": 8.0}[code]


@pytest.mark.parametrize(
    ("usual", "said"),
    [
        ("t3.small", ("warning", "low", "L-1216C47A", "2")),
        ("g5.xlarge", ("warning", "low", "L-DB2E81BA", "2")),
        ("trn1.2xlarge", ("unknown", "other_family", None, None)),
        ("mac2.metal", ("unknown", "other_family", None, None)),
    ],
)
def test_a_type_is_measured_by_the_quota_that_it_counts_against(usual, said):
    config = CONFIG.model_copy(update={"instance_type": usual})
    vcpus = {"t3.small": 2, "g5.xlarge": 4}.get(usual, 8)
    shown = {usual: InstanceType(vcpus, ("x86_64",))}
    (finding,) = aws_checks.quota(aws_checks.Case(Quotas(instance_types=shown), config))
    told = finding.params.get("quota"), finding.params.get("machines")
    assert (finding.level.value, finding.code, *told) == said


def test_machines_in_another_account_are_not_to_be_lost():
    assert found("credentials", account_id="210987654321") == [("failed", "elsewhere")]
    assert found("credentials", account_id="123456789012") == [("ok", "sound")]


def test_a_clock_that_amazon_will_not_believe_much_longer():
    late = Caller("1", "arn:aws:iam::1:role/ondol", datetime.now(UTC) - timedelta(minutes=10))
    assert found("clock", caller=late) == [("warning", "amazon")]


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (Unreachable("ReadTimeoutError"), ("unknown", "unanswered")),
        (Throttled("RequestLimitExceeded"), ("unknown", "unanswered")),
        (DENIED, ("unknown", "refused")),
        (Refused("InvalidVpcID.Malformed"), ("failed", "refused")),
        (KeyError("a mistake of ours"), ("failed", "unforeseen")),
    ],
)
def test_one_check_that_breaks_hides_no_other(trouble, said):
    findings = check_up.examine(aws_checks.Case(Amazon(routes=trouble), CONFIG))
    assert {(f.level.value, f.code) for f in findings if f.check == "route"} == {said}
    assert {f.level for f in findings if f.check != "route"} == {Level.OK}


# --- our side --------------------------------------------------------------------------------------------------------
@pytest.fixture
def alices_key(db):
    alice = User.objects.create(email="alice@example.org", name="Alice")
    row = Instance.objects.create(owner=alice, instance_type="t3.small", volume_gib=30)
    return keep(row)


def told(check):
    return [(finding.level.value, finding.code) for finding in check()]


@pytest.mark.django_db
def test_a_database_of_this_version_is_sound():
    assert told(database.check) == [("ok", "sound")]
    assert told(local_checks.clock) == [("ok", "database_sound")]
    assert told(local_checks.keys) == [("ok", "none")]


@pytest.mark.django_db
def test_a_server_whose_log_gets_values_of_statements_is_told_with_what_to_run(as_owner):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL log_error_verbosity = 'default'")
        cursor.execute("SET LOCAL log_statement = 'mod'")
        _one_role, warning, sound = database.check()
        assert (warning.level.value, warning.code, sound.code) == ("warning", "log_values", "sound")
        cursor.execute(warning.params["statements"])
        cursor.execute("SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = 0 ORDER BY 1")
        assert [row for (row,) in cursor.fetchall()] == ["log_error_verbosity=terse", "log_statement=none"]


@pytest.mark.django_db
def test_a_role_of_the_application_that_owns_has_too_much_or_too_little_is_told():
    cases = {
        "GRANT TRUNCATE ON accounts_user TO ondol_app": ("warning", "too_much"),
        "GRANT CREATE ON SCHEMA public TO ondol_app": ("warning", "too_much"),
        "ALTER ROLE ondol_app CREATEROLE": ("warning", "too_much"),
        "GRANT ondol TO ondol_app": ("warning", "one_role"),
        "REVOKE INSERT ON accounts_user FROM ondol_app": ("failed", "too_little"),
        "CREATE TABLE later (id bigserial)": ("failed", "too_little"),
        "REVOKE ALL ON SEQUENCE procrastinate_jobs_id_seq FROM ondol_app": ("failed", "too_little"),
    }
    for change, finding in cases.items():
        sid = transaction.savepoint()
        with role.owner(), connection.cursor() as cursor:
            cursor.execute(change)
        assert finding in told(database.check), change
        transaction.savepoint_rollback(sid)
        assert told(database.role) == [], change


@pytest.mark.django_db
def test_a_database_of_an_older_version_is_told_apart():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'doctor'")
    assert told(database.check) == [("failed", "behind")]


def test_a_private_key_that_nobody_can_open_any_more_is_told(alices_key):
    assert told(local_checks.keys) == [("ok", "open")]
    sealed = bytes(alices_key.sealed_private_key)
    SshKey.objects.update(sealed_private_key=sealed[:1] + b"lost" + sealed[5:])
    assert told(local_checks.keys) == [("failed", "shut")]


def test_a_private_key_that_was_changed_is_told_apart_from_one_whose_vault_key_is_lost(alices_key):
    SshKey.objects.update(fingerprint="aa:bb")
    assert told(local_checks.keys) == [("failed", "tampered")]
    assert str(alices_key.instance_id) in next(local_checks.keys()).params["which"]


def test_a_private_key_that_an_earlier_version_has_sealed_is_to_be_sealed_anew(alices_key):
    data = sealed_by_an_earlier_version(str(alices_key.instance_id), PEM)
    SshKey.objects.update(sealed_private_key=data)
    assert told(local_checks.keys) == [("warning", "unbound")]


@pytest.mark.django_db
def test_a_worker_that_beats_is_alive():
    assert told(local_checks.worker) == [("failed", "silent")]
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '11 s')")
    assert told(local_checks.worker) == [("failed", "silent")]
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
    assert told(local_checks.worker) == [("ok", "alive")]


def test_without_its_database_the_rest_of_our_side_is_unknown():
    def away():
        raise OperationalError("connection refused\nIs the server running?")

    assert [f.level.value for f in check_up._isolated("keys", away)] == ["unknown"]
    (finding,) = check_up._isolated("database", away)
    assert (finding.level.value, finding.params) == ("failed", {"reason": "connection refused"})


# --- connections -----------------------------------------------------------------------------------------------------
@pytest.fixture
def four_processes(monkeypatch):
    """Let this host's web have 4 processes of 3 threads, and a worker: 16 + 25 connections, and 2 of a command."""
    monkeypatch.setenv("ONDOL_WEB_PROCESSES", "4")
    monkeypatch.setenv("ONDOL_WEB_THREADS", "3")
    config.cache_clear()


def limit(statement):
    with role.owner(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db
def test_connections_that_fit_are_said(four_processes):
    [finding] = connections.check()
    assert (finding.level.value, finding.code) == ("ok", "enough")
    assert finding.params["needed"] == "43"
    assert int(finding.params["room"]) + int(finding.params["others"]) + int(finding.params["reserved"]) == int(
        finding.params["most"]
    )


@pytest.mark.django_db
def test_more_connections_than_the_server_has_left_are_a_warning(monkeypatch, four_processes):
    monkeypatch.setenv("ONDOL_WEB_THREADS", "64")
    config.cache_clear()
    [finding] = connections.check()
    assert (finding.level.value, finding.code, finding.params["needed"]) == ("warning", "too_few", "287")


@pytest.mark.django_db
def test_a_limit_of_the_role_counts(four_processes):
    limit("ALTER ROLE ondol_app CONNECTION LIMIT 42")
    [finding] = connections.check()
    assert (finding.level.value, finding.code, finding.params["room"]) == ("warning", "limited", "42")
    limit("ALTER ROLE ondol_app CONNECTION LIMIT 43")
    assert told(connections.check) == [("ok", "enough")]


@pytest.mark.django_db
def test_each_worker_that_is_alive_counts(four_processes):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
    [finding] = connections.check()
    assert (finding.params["workers"], finding.params["needed"]) == ("2", "68")
