"""`ondol doctor` on a terminal: one line for each check, a fix where one is needed, and never a traceback."""

import json
import subprocess
import time

import pytest

from ondol.doctor import check_up
from tests.furnished import ONDOL, environment, furnished
from tests.journey.site import Site, free_port, until

pytestmark = pytest.mark.slow
AMAZON = {
    "AWS_VPC_ID": "vpc-0123456789abcdef0",
    "AWS_SUBNET_ID": "subnet-0123456789abcdef0",
    "ONDOL_SSH_CIDRS": "203.0.113.0/24",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}


def doctor(home, *options, **env):
    env = environment(home, **{"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "AWS_EC2_METADATA_DISABLED": "true"} | env)
    done = subprocess.run([*ONDOL, "doctor", *options], env=env, text=True, capture_output=True, timeout=60)
    assert "Traceback" not in done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(furnished(tmp_path_factory.mktemp("doctor") / "home")).start()
    yield site
    site.stop()


@pytest.fixture(scope="module")
def printed(site):
    """Return the policy that this site needs; nothing but the policy is printed."""
    done = doctor(site.home, "--print-policy")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_in_a_trial_that_runs_all_is_well(site):
    site.works()
    done = doctor(site.home)
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert {line.split()[0] for line in lines} == {"ok", "unknown"}
    assert "ok       Database: PostgreSQL" in done.stdout
    assert "ok       Worker: 1 running." in lines
    assert "This is a trial" in done.stdout


def test_a_program_gets_the_same_findings_and_codes(site):
    site.works()
    done = doctor(site.home, "--json")
    told = json.loads(done.stdout)
    assert (told["ok"], done.returncode, done.stderr) == (True, 0, "")
    (database,) = [finding for finding in told["findings"] if finding["check"] == "database"]
    assert (database["level"], database["code"], database["name"]) == ("ok", "sound", "Database")
    assert {finding["check"] for finding in told["findings"]} == {*check_up.names()}


@pytest.mark.parametrize(
    ("options", "checks"),
    [
        (["database"], {"database"}),
        (["keys", "worker"], {"keys", "worker"}),
        (["vpc", "subnet"], {"vpc", "subnet"}),
        (["settings"], {"settings"}),
        (["worker", "quota"], {"worker", "quota"}),
    ],
)
def test_single_checks_are_made_alone(site, options, checks):
    done = doctor(site.home, "--json", *(word for name in options for word in ("--only", name)))
    assert {finding["check"] for finding in json.loads(done.stdout)["findings"]} == checks


def test_an_unknown_check_is_refused_with_those_that_there_are(site):
    done = doctor(site.home, "--only", "databse")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("ondol: There is no check databse. There are: database, connections, clock,")


def test_a_worker_has_looked_when_it_started(site):
    levels = "SELECT DISTINCT f ->> 'level' FROM doctor_checkup, jsonb_array_elements(findings) f ORDER BY 1"
    until(lambda: site.ask(levels) == [("ok",), ("unknown",)], 30, "the check-up is there")


def test_it_speaks_the_terminals_language_or_the_one_asked_for(site, tmp_path):
    assert "정상       데이터베이스: PostgreSQL" in doctor(site.home, LC_ALL="ko_KR.UTF-8").stdout
    nothing = tmp_path / "nothing"
    assert "실패" in doctor(nothing, "--language", "ko").stdout
    assert "FAILED" in doctor(nothing, "--language", "en", LC_ALL="ko_KR.UTF-8").stdout


def test_what_is_wrong_is_said_with_its_mend_and_hides_nothing_else(site):
    trial = json.loads((site.home / "cloud" / "environment.json").read_text())
    wrong = {"AWS_SUBNET_ID": AMAZON["AWS_SUBNET_ID"], "ONDOL_INSTANCE_TYPE": "t3.gigantic"}
    done = doctor(site.home, **trial | wrong, ONDOL_CLOUD="local")
    assert done.returncode == 1
    assert (
        "FAILED   Subnet: There is no subnet-0123456789abcdef0 in ap-northeast-2. Correct AWS_SUBNET_ID" in done.stdout
    )
    assert "FAILED   Instance type: There is no t3.gigantic in this region." in done.stdout
    assert "ok       VPC:" in done.stdout


def test_what_the_policy_forgets_is_named(site, printed):
    file = site.home / "cloud" / "policy.json"
    policy = json.loads(printed)
    policy["Statement"] = [
        one for one in policy["Statement"] if one["Sid"] not in {"MakeGroupAndKey", "SeeRoleOfAlarms"}
    ]
    policy["Statement"][0]["Action"].remove("ec2:DescribeVolumes")
    file.write_text(json.dumps(policy))
    try:
        done = doctor(site.home)
    finally:
        file.unlink()
    assert done.returncode == 1
    denied = "ec2:DescribeVolumes, ec2:CreateSecurityGroup, ec2:CreateKeyPair, ec2:ImportKeyPair"
    assert f"FAILED   Permissions: Not allowed: {denied}. Attach the policy" in done.stdout
    assert "unknown  Role of the alarms: Whether" in done.stdout


def test_a_launch_that_the_policy_does_not_allow_is_known_before_the_first_machine(site, printed):
    file = site.home / "cloud" / "policy.json"
    file.write_text(printed)
    try:
        assert "Not allowed: ec2:RunInstances." in doctor(site.home, ONDOL_INSTANCE_TYPE="t3.xlarge").stdout
    finally:
        file.unlink()


def test_where_nothing_runs_it_says_what_to_start(tmp_path):
    done = doctor(tmp_path / "nothing")
    assert done.returncode == 1
    assert "FAILED   Database: There is none yet: No `ondol up` runs on" in done.stdout
    assert "FAILED   Settings: No trial cloud runs on" in done.stdout


def test_without_a_database_only_what_needs_it_fails_and_what_fails_is_a_finding(tmp_path):
    https = {"ONDOL_URL": "https://ondol.example.org"}
    for only, env, failing in (
        ("mail", {}, set()),
        ("mail", https, set()),
        ("pages", {}, set()),
        ("pages", https, {"pages"}),
        ("keys", {}, {"database"}),
        ("database", {}, {"database"}),
    ):
        done = doctor(tmp_path / "nothing", "--json", "--only", only, **env)
        told = json.loads(done.stdout)
        found = {finding["check"] for finding in told["findings"] if finding["level"] == "failed"}
        assert (found, told["ok"], done.returncode) == (failing, not failing, 1 if failing else 0), (only, env)


def test_where_nobody_answers_it_gives_up_soon_and_tells_no_secret(tmp_path):
    nobody = f"http://127.0.0.1:{free_port()}"
    database = f"postgresql://ondol:hunter2-and-more@127.0.0.1:{free_port()}/ondol"
    keys = {"ONDOL_SECRET_KEY": "s" * 50, "ONDOL_VAULT_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}
    began = time.monotonic()
    done = doctor(tmp_path, **AMAZON, **keys, AWS_ENDPOINT_URL=nobody, DATABASE_URL=database)
    assert time.monotonic() - began < 45
    assert done.returncode == 1
    assert "FAILED   Database: PostgreSQL does not answer: " in done.stdout
    assert (
        "FAILED   Credentials: AWS does not accept them, or does not answer (EndpointConnectionError)." in done.stdout
    )
    assert "FAILED   Region: EC2 does not answer in ap-northeast-2" in done.stdout
    assert done.stdout.count("unknown  ") >= 8
    said = done.stdout + done.stderr
    assert not [secret for secret in (AMAZON["AWS_SECRET_ACCESS_KEY"], "hunter2", *keys.values()) if secret in said]


def test_without_credentials_it_says_where_they_belong(tmp_path):
    network = {name: AMAZON[name] for name in ("AWS_VPC_ID", "AWS_SUBNET_ID")}
    done = doctor(tmp_path, **network, HOME=str(tmp_path), AWS_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}")
    assert "FAILED   Credentials: There are none (NoCredentialsError). Give this host a role" in done.stdout


def test_a_half_set_network_is_named(tmp_path):
    done = doctor(tmp_path, AWS_VPC_ID=AMAZON["AWS_VPC_ID"])
    assert "FAILED   Settings: AWS_SUBNET_ID: not set." in done.stdout


# --- the policy ------------------------------------------------------------------------------------------------------
def test_the_policy_is_about_this_account_network_and_deployment(site, printed):
    trial = json.loads((site.home / "cloud" / "environment.json").read_text())
    text = json.dumps(json.loads(printed))
    assert trial["AWS_VPC_ID"] in text
    assert trial["AWS_SUBNET_ID"] in text
    assert '"aws:ResourceTag/OndolDeployment": "*"' not in text


def test_the_parameters_of_the_stack_are_those_of_the_policy(site, printed):
    done = doctor(site.home, "--print-parameters")
    told = dict(pair.split("=", 1) for pair in json.loads(done.stdout))
    assert f'"aws:ResourceTag/OndolDeployment": "{told["DeploymentId"]}"' in printed
    assert told["InstanceTypes"] == "t3.small,t3.medium,t3.large"


def test_the_policy_can_be_printed_before_there_is_anything(tmp_path):
    done = doctor(tmp_path, "--print-policy", "--account", "123456789012", **AMAZON)
    assert done.returncode == 0
    assert "arn:aws:ec2:ap-northeast-2:123456789012:subnet/subnet-0123456789abcdef0" in done.stdout
    assert "every Ondol in the account" in done.stderr
    wrong = doctor(tmp_path, "--print-policy", "--account", "12", **AMAZON)
    assert (wrong.returncode, wrong.stderr) == (1, "ondol: --account 12: use the 12 digits of an AWS account.\n")
