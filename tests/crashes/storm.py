"""Calls to AWS fail while many people want machines: each gets exactly one, and nothing of it is left at the end."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.request import Request, urlopen

from tests.crashes.ground import Ground
from tests.crashes.life import Life
from tests.crashes.verdict import inventory, locked_out

THROTTLED, BROKEN, LOST = 0.30, 0.05, 0.05
"""Shares of all calls: throttled; answered with a 5xx, half of them after they took effect; never answered."""
SETTLED_WITHIN = 600.0
"""Seconds. Back-offs grow to half a minute, and a clean-up takes five calls that all have to succeed."""
LOGINS = 5
"""So many of the machines are logged in to."""


def people(number: int) -> tuple[str, ...]:
    return tuple(f"person{n:02}" for n in range(number))


@dataclass
class Storm:
    """The results."""

    seconds: dict[str, float] = field(default_factory=dict)
    calls: int = 0
    faults: int = 0
    wrongs: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        took = ", ".join(f"{what} after {seconds:.0f} s" for what, seconds in self.seconds.items())
        return f"{self.faults} of {self.calls} calls went wrong; {took}; wrong: {len(self.wrongs)}"


async def rage(ground: Ground, names: tuple[str, ...], *, to_the_end: bool) -> Storm:
    """Let everybody get a machine while calls fail; if `to_the_end`, ada terminates them all."""
    storm = Storm()
    async with Life(ground) as life:
        control(ground, "DELETE", "calls")
        control(ground, "POST", "rules", _rules())
        await life.hire()
        try:
            for what, status in (("create", "RUNNING"), ("terminate", "TERMINATED"))[: 1 + to_the_end]:
                began = time.monotonic()
                await asyncio.gather(*(ground.ask(life.url, what, name) for name in names))
                await _all(life, status, len(names))
                storm.seconds[f"all {len(names)} {status}"] = time.monotonic() - began
                storm.wrongs += await _wrongs(life, names, alive=status == "RUNNING")
        except TimeoutError as error:
            storm.wrongs.append(str(error))
        calls = control(ground, "GET", "calls")
        control(ground, "DELETE", "rules")
    storm.calls, storm.faults = len(calls), sum(bool(call["fault"]) for call in calls)
    return storm


def control(ground: Ground, method: str, path: str, body: Any = None) -> Any:
    """The trial cloud's own fault rules."""
    request = Request(f"{ground.aws['AWS_ENDPOINT_URL']}/_localcloud/{path}", json.dumps(body).encode(), method=method)
    request.add_header("Content-Type", "application/json")
    with urlopen(request, timeout=20) as answer:
        return json.load(answer)


def _rules() -> list[dict[str, Any]]:
    """The first that fits decides, so each share is of what the ones before have left over."""
    rules, left = [], 1.0
    for share, rule in (
        (THROTTLED, {"when": "before", "code": "RequestLimitExceeded", "status": 503}),
        (BROKEN / 2, {"when": "before", "code": "InternalError", "status": 500}),
        (BROKEN / 2, {"when": "after", "code": "Unavailable", "status": 503}),
        (LOST, {"when": "drop"}),
    ):
        seed = len(rules)
        rules.append({"operation": "*", "times": None, "probability": share / left, "seed": seed, **rule})
        left -= share
    return rules


async def _all(life: Life, status: str, number: int) -> None:
    query = "SELECT status, count(*) AS n FROM instances_instance WHERE NOT has_other_alarm GROUP BY 1"
    end = time.monotonic() + SETTLED_WITHIN
    while (there := {row["status"]: row["n"] for row in await _rows(life, query)}) != {status: number}:
        if time.monotonic() > end:
            late = await _rows(life, f"SELECT * FROM instances_instance WHERE status <> '{status}' LIMIT 3")
            raise TimeoutError(f"not within {SETTLED_WITHIN:.0f} s: {there}, such as {late}")
        await asyncio.sleep(0.5)


async def _wrongs(life: Life, names: tuple[str, ...], alive: bool) -> list[str]:
    rows = await _rows(
        life,
        "SELECT i.instance_id AS machine, security_group_id AS group_id, k.key_pair_name AS key_pair,"
        " alarm_name AS alarm, host(public_ip) AS address, (SELECT id::text FROM instances_deployment) AS deployment"
        " FROM instances_instance i LEFT JOIN instances_sshkey k ON k.instance_id = i.id ORDER BY i.created_at",
    )
    control(life.ground, "DELETE", "rules")
    there = await asyncio.to_thread(inventory, life.ground, rows[0]["deployment"])
    ever = control(life.ground, "GET", "resources")["ever"]["instance"]
    wanted = {
        kind: sorted(row[field] for row in rows) if alive else []
        for kind, field in (("instance", "machine"), ("group", "group_id"), ("key", "key_pair"), ("alarm", "alarm"))
    }
    wrongs = [f"{kind}: {there[kind]}, not {some}" for kind, some in wanted.items() if sorted(there[kind]) != some]
    if len(there["volume"]) != len(rows) * alive:
        wrongs.append(f"volumes: {there['volume']}")
    if len(ever) != len(names):
        wrongs.append(f"AWS has made {len(ever)} machines for {len(names)} people")
    if alive:
        wrongs += [no for name in names[:LOGINS] if (no := await locked_out(life, await life.facts(name), name))]
    control(life.ground, "POST", "rules", _rules())
    return wrongs


async def _rows(life: Life, query: str) -> list[dict[str, Any]]:
    return await (await life.sql.execute(query)).fetchall()
