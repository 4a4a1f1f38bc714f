"""Describe calls: filters, pages, names that do not exist."""

import pytest

from trial import Machine, Trial, refused

pytestmark = pytest.mark.slow


def ids(cloud: Trial, **filters: list[str]) -> set[str]:
    wanted = [{"Name": name.replace("_", "-"), "Values": values} for name, values in filters.items()]
    found = cloud.ec2.describe_instances(Filters=wanted)["Reservations"]
    return {instance["InstanceId"] for reservation in found for instance in reservation["Instances"]}


def test_every_filter_that_the_portal_uses_finds_yunas_machine(cloud: Trial, yuna: Machine) -> None:
    shown = yuna.describe()
    filters = {
        "tag:Owner": "yuna",
        "tag-key": "ManagedBy",
        "instance-id": yuna.id,
        "instance-state-name": "running",
        "client-token": shown["ClientToken"],
        "instance.group-id": yuna.group_id,
        "key-name": "yuna",
        "ip-address": shown["PublicIpAddress"],
        "vpc-id": cloud.environment["AWS_VPC_ID"],
        "subnet-id": cloud.environment["AWS_SUBNET_ID"],
        "instance-type": "t3.*",
    }
    for name, value in filters.items():
        assert yuna.id in ids(cloud, **{name: [value]}), name
        assert yuna.id not in ids(cloud, **{name: ["nothing-of-the-kind"]}), name


def test_all_filters_must_match_and_one_value_of_each(cloud: Trial, yuna: Machine) -> None:
    assert ids(cloud, **{"tag:Owner": ["minho", "yuna"], "instance-state-name": ["running"]}) == {yuna.id}
    assert ids(cloud, **{"tag:Owner": ["yuna"], "instance-state-name": ["stopped"]}) == set()


def test_letter_case_counts_and_brackets_are_not_wildcards(cloud: Trial, yuna: Machine) -> None:
    assert ids(cloud, **{"tag:Owner": ["YUNA"]}) == set()
    assert ids(cloud, **{"tag:Owner": ["yun[a]"]}) == set()
    assert ids(cloud, **{"tag:Owner": ["yun?"]}) == {yuna.id}


def test_an_unknown_filter_is_refused(cloud: Trial) -> None:
    wanted = [{"Name": "colour", "Values": ["red"]}]
    assert refused(cloud.ec2.describe_instances, Filters=wanted) == "InvalidParameterValue"
    assert refused(cloud.ec2.describe_instance_status, Filters=wanted) == "InvalidParameterValue"


def test_200_values_are_counted_over_all_filters(cloud: Trial, yuna: Machine) -> None:
    many = [f"i-{number:017x}" for number in range(150)]
    half = {"Name": "instance-id", "Values": [*many, yuna.id]}
    assert cloud.ec2.describe_instances(Filters=[half])["Reservations"]
    both = [half, {"Name": "tag:Owner", "Values": many[:50]}]
    for call in (cloud.ec2.describe_instances, cloud.ec2.describe_volumes):
        assert refused(call, Filters=both) == "FilterLimitExceeded"


def test_one_unknown_id_fails_the_whole_call(cloud: Trial, yuna: Machine) -> None:
    unknown = "i-00000000000000000"
    assert refused(cloud.ec2.describe_instances, InstanceIds=[yuna.id, unknown]) == "InvalidInstanceID.NotFound"
    assert refused(cloud.ec2.describe_instances, InstanceIds=["i-1"]) == "InvalidInstanceID.Malformed"


def test_pages_together_are_everything(cloud: Trial, yuna: Machine) -> None:
    made = cloud.ec2.run_instances(**cloud.order("yuna", yuna.group_id, MaxCount=11, ClientToken="pages"))["Instances"]
    pages = list(cloud.ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}))
    sizes = [sum(len(reservation["Instances"]) for reservation in page["Reservations"]) for page in pages]
    found = {i["InstanceId"] for page in pages for r in page["Reservations"] for i in r["Instances"]}
    assert len(pages) >= 3
    assert set(sizes[:-1]) == {5}
    assert found == ids(cloud)
    cloud.ec2.terminate_instances(InstanceIds=[instance["InstanceId"] for instance in made])


def test_a_page_size_beside_ids_is_refused(cloud: Trial, yuna: Machine) -> None:
    words = {"InstanceIds": [yuna.id], "MaxResults": 5}
    assert refused(cloud.ec2.describe_instances, **words) == "InvalidParameterCombination"


def test_the_network_is_public(cloud: Trial) -> None:
    subnet = cloud.environment["AWS_SUBNET_ID"]
    by_subnet = [{"Name": "association.subnet-id", "Values": [subnet]}]
    (table,) = cloud.ec2.describe_route_tables(Filters=by_subnet)["RouteTables"]
    (gateway,) = [r["GatewayId"] for r in table["Routes"] if r["DestinationCidrBlock"] == "0.0.0.0/0"]
    by_vpc = [{"Name": "attachment.vpc-id", "Values": [cloud.environment["AWS_VPC_ID"]]}]
    assert cloud.ec2.describe_internet_gateways(Filters=by_vpc)["InternetGateways"][0]["InternetGatewayId"] == gateway
    assert cloud.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["AvailableIpAddressCount"] > 100


def test_the_console_shows_the_key_that_ssh_will_see(cloud: Trial, yuna: Machine) -> None:
    text = cloud.ec2.get_console_output(InstanceId=yuna.id, Latest=True)["Output"]
    key = text.split("-----BEGIN SSH HOST KEY KEYS-----\n")[1].split("\n")[0].rsplit(" ", 1)[0]
    known = cloud.home.parent / "known_hosts"
    known.write_text(f"[{yuna.address}]:{cloud.environment['ONDOL_SSH_PORT']} {key}\n")
    flags = ("-o", "StrictHostKeyChecking=yes", "-o", f'UserKnownHostsFile="{known}"')
    command = yuna.ssh_command("true")
    command[1:1] = flags  # the first mention of an option wins
    import subprocess

    assert subprocess.run(command, capture_output=True, timeout=20).returncode == 0


def test_what_is_not_here_says_so(cloud: Trial) -> None:
    assert refused(cloud.ec2.describe_fpga_images) == "InvalidAction"
