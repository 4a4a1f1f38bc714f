"""What Ondol knows about EC2's types, compared with what AWS publishes (in the form in which moto ships it)."""

import gzip
import json
import subprocess
import sys
from importlib.resources import files

import pytest

from ondol.ec2_types import facts_of, smallest_first
from ondol.ec2_types.facts import known_types
from ondol.ec2_types.quotas import STANDARD

ON_MACS = ("arm64_mac", "x86_64_mac")
NOT_YET_SAID_TO_BE_BURSTABLE = {"t8i.nano", "t8i.micro", "t8i.small", "t8i.medium"}


@pytest.fixture(scope="module")
def for_images():
    """What AWS publishes of each type for which there are images of Ubuntu."""
    published = json.loads(gzip.decompress((files("moto") / "ec2/resources/instance_types.json.gz").read_bytes()))
    return {
        name: shown
        for name, shown in published.items()
        if not set(shown["ProcessorInfo"]["SupportedArchitectures"]) & set(ON_MACS)
    }


def test_every_type_that_aws_shows_is_known_with_its_size_and_architecture(for_images):
    assert set(for_images) <= set(known_types())
    for name, shown in for_images.items():
        facts = facts_of(name)
        assert facts.is_known
        assert (facts.vcpus, facts.memory_gib) == (
            shown["VCpuInfo"]["DefaultVCpus"],
            shown["MemoryInfo"]["SizeInMiB"] / 1024,
        ), name
        assert facts.architecture in shown["ProcessorInfo"]["SupportedArchitectures"], name
        assert (facts.gpus > 0) is ("GpuInfo" in shown), name


def test_every_type_with_credits_has_a_baseline_and_no_other_has_one(for_images):
    burstable = {name for name, shown in for_images.items() if shown["BurstablePerformanceSupported"]}
    assert {name for name in for_images if facts_of(name).is_burstable} == burstable | NOT_YET_SAID_TO_BE_BURSTABLE
    assert {name for name in for_images if facts_of(name).baseline_percent is not None} == (
        burstable | NOT_YET_SAID_TO_BE_BURSTABLE
    )


@pytest.mark.parametrize(
    ("name", "credits_an_hour"),
    [
        ("t2.nano", 3), ("t2.micro", 6), ("t2.small", 12), ("t2.medium", 24), ("t2.large", 36), ("t2.xlarge", 54),
        ("t2.2xlarge", 81.6), ("t3.nano", 6), ("t3.micro", 12), ("t3.small", 24), ("t3.medium", 24), ("t3.large", 36),
        ("t3.xlarge", 96), ("t3.2xlarge", 192), ("t3a.small", 24), ("t4g.2xlarge", 192), ("t8i.medium", 24),
    ],
)  # fmt: skip
def test_a_baseline_is_what_the_credits_of_an_hour_are_enough_for(name, credits_an_hour):
    facts = facts_of(name)
    assert facts.baseline_percent == pytest.approx(credits_an_hour / facts.vcpus / 60 * 100)


def test_every_type_on_xen_is_told_from_those_on_nitro(for_images):
    xen = {name for name, shown in for_images.items() if shown.get("Hypervisor") == "xen"}
    assert {name for name in for_images if not facts_of(name).is_nitro} == xen
    assert [facts_of(name).is_nitro for name in ("p3.2xlarge", "i3.metal", "m99.large")] == [False, True, True]


def test_every_type_that_aws_shows_counts_against_a_quota(for_images):
    assert [name for name in for_images if facts_of(name).quota is None] == []


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("t3.small", "L-1216C47A"), ("m7i-flex.large", "L-1216C47A"), ("im4gn.large", "L-1216C47A"),
        ("is4gen.large", "L-1216C47A"), ("d3en.xlarge", "L-1216C47A"), ("i4i.large", "L-1216C47A"),
        ("g5.xlarge", "L-DB2E81BA"), ("gr6.4xlarge", "L-DB2E81BA"), ("vt1.3xlarge", "L-DB2E81BA"),
        ("p5.48xlarge", "L-417A185B"), ("x2gd.large", "L-7295265B"), ("f2.6xlarge", "L-74FC7D96"),
        ("inf2.xlarge", "L-1945791B"), ("trn1.2xlarge", "L-2C3B7624"), ("dl2q.24xlarge", "L-6E869C2A"),
        ("hpc7g.4xlarge", "L-F7808C92"), ("u-6tb1.56xlarge", "L-43DA4232"), ("u7i-12tb.224xlarge", "L-43DA4232"),
    ],
)  # fmt: skip
def test_the_letters_of_a_family_name_its_quota(name, code):
    assert facts_of(name).quota.code == code


@pytest.mark.parametrize("name", ["t3.4xlarge", "m99.large", "mac2.metal", "nonsense", ""])
def test_of_what_is_not_known_nothing_is_said(name):
    facts = facts_of(name)
    assert not facts.is_known
    assert (facts.vcpus, facts.memory_gib, facts.gpus, facts.baseline_percent) == (None, None, None, None)


def test_what_follows_from_the_family_holds_for_sizes_to_come():
    facts = facts_of("t4g.4xlarge")
    assert (facts.family, facts.size, facts.architecture, facts.is_burstable) == ("t4g", "4xlarge", "arm64", True)
    assert facts.quota == STANDARD


def test_types_come_smallest_first_and_unknown_ones_last():
    names = ["m9z.large", "t3.2xlarge", "g4dn.xlarge", "m5.xlarge", "t3.xlarge", "c5.xlarge", "t3.nano", "t4g.xlarge"]
    assert smallest_first(names) == [
        "t3.nano", "c5.xlarge", "t4g.xlarge", "t3.xlarge", "m5.xlarge", "g4dn.xlarge", "t3.2xlarge", "m9z.large",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "other", "does"),
    [
        ("t3.small", "t3.medium", True),
        ("c5.2xlarge", "r5.large", False),  # as much memory, but fewer vCPUs
        ("r5.large", "c5.large", False),  # as many vCPUs, but less memory
        ("t3.small", "t4g.medium", False),  # another architecture
        ("t3.small", "t3.small", False),
        ("t3.small", "zz9.large", False),
    ],
)
def test_what_takes_the_place_of_a_type_is_as_big_at_least_and_runs_the_same_programs(wanted, other, does):
    assert facts_of(other).does_for(facts_of(wanted)) is does


def test_a_big_size_is_not_sorted_by_the_letter():
    assert smallest_first(["m5.12xlarge", "m5.2xlarge", "m5.large"]) == ["m5.large", "m5.2xlarge", "m5.12xlarge"]


def test_the_file_is_what_the_script_writes(request, tmp_path):
    """The AWS CLI's JSON is read too, and what AWS no longer shows is kept."""
    root = request.config.rootpath
    copy = tmp_path / "scripts/ec2-types"
    copy.parent.mkdir()
    copy.write_text((root / "scripts/ec2-types").read_text())
    (tmp_path / "ondol/ec2_types").mkdir(parents=True)
    written = tmp_path / "ondol/ec2_types/types.json"
    shipped = json.loads((root / "ondol/ec2_types/types.json").read_text())

    subprocess.run([sys.executable, copy], check=True, capture_output=True)
    assert json.loads(written.read_text())["families"] == shipped["families"]

    new = {"InstanceType": "t5g.small", "VCpuInfo": {"DefaultVCpus": 2}, "MemoryInfo": {"SizeInMiB": 2048}}
    told = {"InstanceTypes": [new | {"ProcessorInfo": {"SupportedArchitectures": ["arm64"]}}]}
    (tmp_path / "told.json").write_text(json.dumps(told))
    subprocess.run([sys.executable, copy, tmp_path / "told.json"], check=True, capture_output=True)
    after = json.loads(written.read_text())["families"]
    assert after == shipped["families"] | {"t5g": {"architecture": "arm64", "sizes": {"small": [2, 2048]}}}
