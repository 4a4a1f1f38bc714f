"""A whole site whose cloud answers by rules: late, never, or as an older region would."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from bench.place import ONDOL
from ondol.clock import Clock
from ondol.host.trial_clock import text
from tests.furnished import environment
from tests.journey.site import Site, until

CONTROL = "/_localcloud"
"""Where the trial cloud takes rules, and tells which calls it had."""


@contextmanager
def faulty_site(folder: Path, clock: Clock, rule: Any, *options: str) -> Iterator[tuple[Site, str]]:
    """Yield a site that takes the cloud for Amazon's, and the address of the cloud; `options` are the cloud's."""
    folder.mkdir(parents=True)
    (folder / "env").write_text(f"ONDOL_CLOCK={text(clock)}\n")
    with faulty_cloud(folder, clock, rule, *options) as told:
        site = Site(folder / "home", ONDOL_CLOUD="aws", ONDOL_SSH_CIDRS="0.0.0.0/0", **told)
        site.env["ONDOL_ENV_FILE"] = str(folder / "env")
        site.cloud = folder / "cloud"
        try:
            yield site.start(120), told["AWS_ENDPOINT_URL"]
        finally:
            site.stop()


@contextmanager
def faulty_cloud(folder: Path, clock: Clock, rule: Any, *options: str) -> Iterator[dict[str, Any]]:
    """Yield what the environment has to say of a cloud."""
    words = [*ONDOL, "localcloud", "--", "--home", str(folder / "cloud"), "--faults", "--die-with-parent", *options]
    with (folder / "cloud.log").open("wb") as log:
        cloud = subprocess.Popen(words, env=environment(folder, ONDOL_CLOCK=text(clock)), stdout=log, stderr=log)
    told_file = folder / "cloud/environment.json"
    try:
        until(told_file.exists, 30, "the cloud is ready")
        told: dict[str, Any] = json.loads(told_file.read_text())
        address = told["AWS_ENDPOINT_URL"]
        requests.post(f"{address}{CONTROL}/rules", json=rule, timeout=10).raise_for_status()
        yield told
    finally:
        cloud.terminate()
        cloud.wait(20)


def real_clock() -> Clock:
    """Return a clock that shows the time."""
    return Clock(time.time(), time.time(), 1)
