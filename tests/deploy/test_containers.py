"""Containerfile and compose.yaml: they name what is there. Nothing is built here; that needs registries."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from ondol import worker
from ondol.commands import WORDS
from ondol.config import Config, variable

ROOT = Path(__file__).parents[2]
CONTAINERFILE = (files("ondol.deploy") / "Containerfile").read_text("utf-8")
COMPOSE = yaml.safe_load((files("ondol.deploy") / "compose.yaml").read_text("utf-8"))
OURS = {name: one for name, one in COMPOSE["services"].items() if name != "database"}
SETTINGS = {variable(name) for name in Config.model_fields} | {"ONDOL_ENV_FILE"}


def test_what_is_copied_is_there():
    copied = [word for line in re.findall(r"^COPY ([^-].*) \S+$", CONTAINERFILE, re.MULTILINE) for word in line.split()]
    assert len(copied) > 5
    assert [word for word in copied if not (ROOT / word).exists()] == []


def test_what_builds_the_wheel_is_locked():
    [names] = re.findall(r"for name in (.*); do", CONTAINERFILE)
    lock = (ROOT / "requirements-dev.lock").read_text()
    assert [name for name in names.split() if f"\n{name}==" not in lock] == []


def test_each_part_is_a_command_and_is_set_by_settings():
    assert {one["command"][0] for one in OURS.values()} == {"migrate", "worker", "web"} <= set(WORDS)
    set_in = {name for one in OURS.values() for name in one["environment"]}
    set_in |= {word.partition("=")[0] for word in re.findall(r"\b(?:ONDOL_)\w+=", CONTAINERFILE)}
    assert {name.rstrip("=") for name in set_in} <= SETTINGS


def test_no_part_has_privileges_or_is_killed_before_its_patience_is_over():
    for name, one in OURS.items():
        assert (one["read_only"], one["cap_drop"]) == (True, ["ALL"]), name
        if one["restart"] == "always":
            assert int(one["stop_grace_period"].rstrip("s")) >= worker.DRAIN + 5, name


def test_the_migration_alone_comes_as_the_owner_of_the_tables():
    owners = {name for name, one in OURS.items() if "ONDOL_DATABASE_OWNER_URL" in one["environment"]}
    assert owners == {"migrate"}
    urls = {one["environment"]["DATABASE_URL"] for one in OURS.values()}
    assert [url.partition(":$")[0] for url in urls] == ["postgresql://ondol_app"]
    assert COMPOSE["services"]["database"]["environment"]["POSTGRES_USER"] == "ondol"


@pytest.mark.parametrize("name", ["worker", "web"])
def test_parts_wait_for_the_migration(name):
    assert OURS[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
