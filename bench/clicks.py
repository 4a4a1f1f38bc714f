"""How long it takes from the click to the shell, with each call to AWS taking 150 ms: for one person, and for fifty."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import requests

from bench.faulty import CONTROL, faulty_site, real_clock
from bench.place import percentiles, table
from bench.record import bars, ratio, series
from tests.journey.site import Person, Site

LATE = 0.15
"""Seconds of a call in all: a round trip to a region far away, and EC2's own time, such as for a key."""
BUCKETS = {
    "RunInstances": (5, 2), "StartInstances": (5, 2), "CreateKeyPair": (50, 5), "CreateSecurityGroup": (50, 5),
    "AuthorizeSecurityGroupIngress": (50, 5), "CreateTags": (100, 10), "Describe*": (100, 20),
}  # fmt: skip
"""How many calls EC2 lets through at once, and a second after them (EC2 Developer Guide, "Request throttling")."""
RULES = [
    *({"operation": f"ec2:{name}", "when": "throttled", "at_once": full, "a_second": more}
      for name, (full, more) in BUCKETS.items()),
    {"operation": "*", "when": "delay", "seconds": LATE, "times": None},
]  # fmt: skip
ONE, MANY = 7, 50
_IN_ORDER = (
    "GetParameter", "DescribeImages", "CreateKeyPair", "CreateSecurityGroup", "AuthorizeSecurityGroupIngress",
)  # fmt: skip
"""What the first design did before it launched, one after the other."""


def main(folder: Path) -> None:
    """Measure clicks one after the other, the first of them just after the start; then fifty at once."""
    quotas = ("--vcpu-quota", "200", "--alarm-quota", "200")
    with faulty_site(folder, real_clock(), RULES, *quotas) as (site, address):
        single = [_clicked(person, address) for person in site.people(*(f"one{number}" for number in range(ONE)))]
        rows = [("in order, as first designed", "", f"{len(_IN_ORDER) * LATE:.2f} s", f"{len(_IN_ORDER)}.0 ×", "")]
        rows.append(("the limit: group and key side by side", "", f"{LATE:.2f} s", "1.0 ×", ""))
        rows.append(("the first click after a start", *_told(single[:1])))
        rows.append((f"the {ONE - 1} after it, median", *_told(single[1:])))
        table(f"From POST, with {LATE * 1000:.0f} ms for each call", _HEAD, rows)
        trips = {"in order, as first designed": float(len(_IN_ORDER))}
        for name, some in (("the first click", single[:1]), ("a later click", single[1:])):
            trips[name] = median(click.launched for click in some) / LATE
            ratio(f"clicks: {name}, launch sent after so many round trips", trips[name], more_is_better=False)
        trips["the limit"] = 1.0
        bars("clicks", "From the click until the launch is sent", "round trips to AWS", {"ours": trips})
        _at_once(site, address)


_HEAD = ["", "first call sent", "launch sent", "round trips", "ready"]


@dataclass(frozen=True, slots=True)
class _Click:
    """Seconds from the click until the group was asked for and until the launch was, and from SSH's first answer until
    a page says that it is ready."""

    asked: float
    launched: float
    ready: float


def _told(clicks: list[_Click]) -> tuple[str, str, str, str]:
    asked, sent, ready = (median(getattr(click, name) for click in clicks) for name in _Click.__slots__)
    return f"{asked:.3f} s", f"{sent:.3f} s", f"{sent / LATE:.2f} ×", f"{ready:.2f} s after SSH answers"


def _clicked(person: Person, address: str) -> _Click:
    before, clicked = _last(address), time.time()
    person.create()
    calls = _calls(address, before)
    [group], [launch] = _real("CreateSecurityGroup", calls), _real("RunInstances", calls)
    machine_id = person.machine()
    assert machine_id
    [(ready, shown)] = person.site.ask(_READY, machine_id["instance_id"])
    return _Click(float(group["real"]) - clicked, float(launch["real"]) - clicked, (shown - ready).total_seconds())


_READY = """
SELECT r.ready_at, i.status_since FROM instances_instance i JOIN instances_run r ON r.id = i.run_id
WHERE i.instance_id = %s
"""


def _at_once(site: Site, address: str) -> None:
    people, before = site.people(*(f"many{number}" for number in range(MANY))), _last(address)
    with ThreadPoolExecutor(MANY) as pool:
        clicked = time.time()
        machines = list(pool.map(lambda person: person.create(300), people))
    took, calls = time.time() - clicked, _calls(address, before)
    sent = [call["real"] - clicked for call in _real("RunInstances", calls) if call["status"] == 200]
    refused = Counter(call["operation"] for call in calls if call["status"] >= 400)
    told = ", ".join(f"{count} {name}" for name, count in refused.items()) or "none"
    series("fifty", f"{MANY} clicks at once", "seconds", "launches sent", {
        "ours": [(at, number) for number, at in enumerate(sorted(sent), 1)],
    })  # fmt: skip
    p50, p99 = percentiles(sent)
    rows = [(len(machines), f"{p50:.1f} s", f"{p99:.1f} s", f"{took:.1f} s", told)]
    table(f"{MANY} clicks at once", ["machines", "launch sent, p50", "p99", "all run after", "calls refused"], rows)


def _real(operation: str, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the calls without dry runs: the check-up makes some."""
    return [call for call in calls if call["operation"] == operation and "DryRun" not in call["request"]]


def _calls(address: str, after: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(f"{address}{CONTROL}/calls?since={after}", timeout=20).json()
    return found


def _last(address: str) -> int:
    return max((call["number"] for call in _calls(address, 0)), default=0)
