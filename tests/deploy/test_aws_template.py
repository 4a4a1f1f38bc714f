"""ondol/deploy/aws.yaml: its policy is the printed one, and moto's CloudFormation makes what it describes."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from ondol.config import Config
from ondol.doctor.policy import parameters as parameters_of
from ondol.doctor.policy import policy
from tests.deploy.cloudformation import ACCOUNT, Resolved, read

ROOT = Path(__file__).parents[2]
TEMPLATE = read((files("ondol.deploy") / "aws.yaml").read_text("utf-8"))
DEPLOYMENT = "8c0f2a52-6f6b-4a3e-9a53-0d5f6a0f3a11"
YOURS = {"VpcId": "vpc-0123456789abcdef0", "SubnetId": "subnet-0123456789abcdef0"}
HOST = {
    "HostImageId": "ami-0123456789abcdef0",
    "HostName": "ondol.example.org",
    "SourceUrl": "https://example.org/o.git",
}
NOT_IN_MOTO = ("RecycleBin", "DatabasePassword", "ApplicationPassword")
DATABASE = {"DatabaseClass": "db.t4g.micro"}


@dataclass
class Stack:
    """What a stack has made."""

    region: str
    kinds: dict[str, list[str]] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)

    def client(self, service):
        return boto3.client(service, region_name=self.region, aws_access_key_id="a", aws_secret_access_key="b")

    @classmethod
    def make(cls, region="ap-northeast-2", **parameters):
        stack = cls(region)
        cloudformation = stack.client("cloudformation")
        resolved = Resolved(TEMPLATE, region, parameters)
        resources = {name: one for name, one in resolved.resources.items() if name not in NOT_IN_MOTO}
        body = json.dumps({"Resources": resources, "Outputs": resolved.outputs})
        for name in NOT_IN_MOTO:
            arn = f"arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:{name}"
            body = body.replace(json.dumps({"Ref": name}), json.dumps(arn)).replace(f"${{{name}}}", arn)
        cloudformation.create_stack(StackName="ondol", TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
        [told] = cloudformation.describe_stacks(StackName="ondol")["Stacks"]
        assert told["StackStatus"] == "CREATE_COMPLETE"
        stack.outputs = {one["OutputKey"]: one["OutputValue"] for one in told.get("Outputs", [])}
        for one in cloudformation.list_stack_resources(StackName="ondol")["StackResourceSummaries"]:
            stack.kinds.setdefault(one["ResourceType"], []).append(one["PhysicalResourceId"])
        return stack

    def policy(self):
        iam, arn = self.client("iam"), self.outputs["PolicyArn"]
        return iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]

    def network(self):
        """Return VPC and subnet, from the lines for the settings."""
        pairs = dict(pair.split("=") for pair in self.outputs["Settings"].split())
        assert pairs.pop("AWS_REGION") == self.region
        assert pairs.pop("ONDOL_SSH_CIDRS") == "none"
        return pairs


@pytest.fixture(autouse=True)
def _amazon():
    with mock_aws():
        yield


def printed(region="ap-northeast-2", deployment="", **settings):
    return json.loads(policy(Config(_env_file=None, AWS_REGION=region, **settings), ACCOUNT, deployment))


NETWORK = {"AWS_VPC_ID": YOURS["VpcId"], "AWS_SUBNET_ID": YOURS["SubnetId"]}
TYPES = {"ONDOL_INSTANCE_TYPE": "m7g.large", "ONDOL_INSTANCE_TYPES": "c7g.2xlarge"}


@pytest.mark.parametrize(
    ("region", "parameters", "settings"),
    [
        ("ap-northeast-2", {}, {}),
        ("us-gov-west-1", {}, {}),
        ("cn-north-1", {}, {}),
        ("eusc-de-east-1", {}, {}),
        ("us-east-1", {"DeploymentId": DEPLOYMENT}, {"deployment": DEPLOYMENT}),
        ("us-east-1", {"InstanceTypes": "m7g.large,c7g.2xlarge"}, TYPES),
        ("us-east-1", {"ImageId": "ami-0123456789abcdef0"}, {"ONDOL_IMAGE_ID": "ami-0123456789abcdef0"}),
        ("us-east-1", {"TagKeys": "CostCenter,부서"}, {"ONDOL_TAGS": "CostCenter=4711,부서=연구"}),
        ("us-east-1", HOST | DATABASE | {"MakesUser": "yes"}, {}),
    ],
)
def test_its_policy_is_the_printed_one(region, parameters, settings):
    [made] = [
        one["Properties"]["PolicyDocument"]
        for one in Resolved(TEMPLATE, region, YOURS | parameters).resources.values()
        if one["Type"] == "AWS::IAM::ManagedPolicy"
    ]
    assert unfilled(made) == printed(region, **NETWORK, **settings)


@pytest.mark.parametrize(
    ("settings", "deployment", "parameters"),
    [
        ({}, "", {"DeploymentId": "*", "ImageId": "*", "TagKeys": "", "InstanceTypes": "t3.small,t3.medium,t3.large"}),
        ({}, DEPLOYMENT, {"DeploymentId": DEPLOYMENT}),
        (TYPES, "", {"InstanceTypes": "m7g.large,c7g.2xlarge"}),
        ({"ONDOL_IMAGE_ID": "ami-0123456789abcdef0", "ONDOL_TAGS": "a=1,부서=2"}, "", {"TagKeys": "a,부서"}),
    ],
)
def test_its_parameters_are_printed(settings, deployment, parameters):
    config = Config(_env_file=None, AWS_REGION="us-east-1", **NETWORK, **settings)
    told = parameters_of(config, deployment)
    assert told == told | parameters
    [made] = [
        one["Properties"]["PolicyDocument"]
        for one in Resolved(TEMPLATE, "us-east-1", YOURS | told).resources.values()
        if one["Type"] == "AWS::IAM::ManagedPolicy"
    ]
    assert unfilled(made) == json.loads(policy(config, ACCOUNT, deployment))


def unfilled(document):
    """Return a document without `Fn::Sub` where nothing is left to be filled in."""
    if isinstance(document, list):
        return list(map(unfilled, document))
    if isinstance(document, dict):
        return document["Fn::Sub"] if set(document) == {"Fn::Sub"} else {n: unfilled(v) for n, v in document.items()}
    return document


def test_the_policy_is_about_the_network_that_was_made():
    stack = Stack.make()
    assert stack.policy() == printed(**stack.network())


def test_by_itself_it_makes_a_public_subnet_and_nothing_that_runs():
    stack = Stack.make()
    assert not set(stack.kinds) & {"AWS::EC2::Instance", "AWS::RDS::DBInstance", "AWS::IAM::User", "AWS::EC2::EIP"}
    ec2, network = stack.client("ec2"), stack.network()
    [subnet] = ec2.describe_subnets(SubnetIds=[network["AWS_SUBNET_ID"]])["Subnets"]
    assert subnet["VpcId"] == network["AWS_VPC_ID"]
    assert subnet["CidrBlock"] == "10.76.0.0/20"
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [network["AWS_VPC_ID"]]}])["RouteTables"]
    routes = [route for table in tables for route in table["Routes"] if route["DestinationCidrBlock"] == "0.0.0.0/0"]
    assert [route["GatewayId"][:4] for route in routes] == ["igw-"]
    assert "AWS::EC2::SubnetRouteTableAssociation" in stack.kinds


def test_in_a_network_of_ones_own_it_makes_none():
    stack = Stack.make(**YOURS)
    assert not [kind for kind in stack.kinds if kind.startswith("AWS::EC2::")]
    assert stack.network() == {"AWS_VPC_ID": YOURS["VpcId"], "AWS_SUBNET_ID": YOURS["SubnetId"]}


def test_outside_of_aws_a_user_has_the_policy_of_the_role():
    resources = Resolved(TEMPLATE, "us-east-1", {"MakesUser": "yes"}).resources
    user, role = resources["User"]["Properties"], resources["Role"]["Properties"]
    assert user["ManagedPolicyArns"] == role["ManagedPolicyArns"] == [{"Ref": "Policy"}]


def test_a_host_admits_the_pages_alone_and_its_database_is_private_and_encrypted():
    stack = Stack.make(**HOST, **DATABASE)
    assert len(stack.kinds["AWS::EC2::Instance"]) == 1
    group = stack.outputs["HostGroup"]
    groups = {one["GroupId"]: one for one in stack.client("ec2").describe_security_groups()["SecurityGroups"]}
    assert {rule["FromPort"] for rule in groups[group]["IpPermissions"]} == {80, 443}
    [database] = stack.client("rds").describe_db_instances()["DBInstances"]
    assert (database["PubliclyAccessible"], database["StorageEncrypted"]) == (False, True)


def test_a_host_keeps_the_owner_of_the_tables_in_a_file_of_root_alone():
    """What it writes is read out of the script that it runs at its first start."""
    resources = Resolved(TEMPLATE, "us-east-1", HOST | DATABASE).resources
    script = resources["Host"]["Properties"]["UserData"]["Fn::Base64"]["Fn::Sub"][0]
    assert "url DATABASE_URL '${ApplicationSecret}' >> /etc/ondol.env" in script
    assert "(umask 077; url ONDOL_DATABASE_OWNER_URL '${Secret}' > /etc/ondol-owner.env)" in script
    made = {
        name: resources[name]["Properties"]["GenerateSecretString"]
        for name in ("DatabasePassword", "ApplicationPassword")
    }
    assert [json.loads(one["SecretStringTemplate"]) for one in made.values()] == [
        {"username": "ondol"},
        {"username": "ondol_app"},
    ]
    [statement] = resources["ReadDatabasePassword"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Resource"] == [{"Ref": name} for name in made]


def test_a_database_admits_hosts_alone():
    resources = Resolved(TEMPLATE, "us-east-1", DATABASE).resources
    [rule] = resources["DatabaseGroup"]["Properties"]["SecurityGroupIngress"]
    assert (rule["FromPort"], rule["ToPort"]) == (5432, 5432)
    assert rule["SourceSecurityGroupId"] == {"Fn::GetAtt": ["Group", "GroupId"]}
    assert not {"CidrIp", "CidrIpv6"} & set(rule)


def test_its_defaults_are_those_of_the_settings():
    config = Config(_env_file=None)
    assert TEMPLATE["Parameters"]["InstanceTypes"]["Default"].split(",") == list(config.permitted_types)
    assert TEMPLATE["Resources"]["RecycleBin"]["Properties"]["ResourceType"] == "EBS_VOLUME"
    [tag] = TEMPLATE["Resources"]["RecycleBin"]["Properties"]["ResourceTags"]
    assert tag == {"ResourceTagKey": "ManagedBy", "ResourceTagValue": "ondol"}


def test_nobody_has_forgotten_to_write_it_again():
    done = subprocess.run([sys.executable, ROOT / "scripts/aws-template", "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
