"""What happens in a life, one thing after another; a worker may be killed in each."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.crashes.life import Facts, Life

LAUNCHED_WITHIN = 60.0


@dataclass(frozen=True)
class Scenario:
    """Somebody requests something for a machine, or something happens to it."""

    name: str
    begin: Callable[[Life], Awaitable[None]]
    wish: str
    """The status that it leads to."""
    reason: str = ""
    size: str = ""
    lets_in: bool | None = None
    """Whether her own address may reach it afterwards; None: this scenario does not change that."""
    is_never_bare: bool = False
    """Its machine has an alarm at every moment of it."""
    replaces_key: bool = False
    """Its machine gets another key, and at every moment of it the one that she can have opens it."""

    def is_over(self, facts: Facts, before: Facts) -> bool:
        """Return whether the row is as it should be, and nothing waits to be done."""
        if facts.get("status") != self.wish or facts["jobs"] or facts["has_other_alarm"]:
            return False
        if self.size not in {"", facts["size"]}:
            return False
        if self.replaces_key:
            is_done = facts["replacement"] == "DONE" and facts["replaced_by"] != before["replaced_by"]
            return is_done and not facts["is_key_due"] and facts["ssh_ranges_at"] is not None
        if self.lets_in is not None:
            return facts["ssh_ranges_at"] is not None and (OWN in facts["ssh_ranges"]) == self.lets_in
        if self.wish == "RUNNING":
            is_armed = facts["armed_at"] is not None and facts["armed_until"] == facts["awake_until"]
            is_armed = is_armed and facts["armed_lease"] == facts["lease_until"]
            return is_armed and facts["armed_at"] != before.get("armed_at")
        return self.wish != "TERMINATED" or facts["is_clean"]


OWN = "198.51.100.9/32"
"""The address that she names for herself."""


def asked(what: str, *about: str) -> Callable[[Life], Awaitable[None]]:
    """A click."""

    async def begin(life: Life) -> None:
        await life.ask(what, *about)

    return begin


async def idle(life: Life) -> None:
    """The alarm finds the machine idle, and AWS stops it."""
    facts = await life.facts()
    await asyncio.to_thread(
        life.ground.cloudwatch.set_alarm_state, AlarmName=facts["alarm"], StateValue="ALARM", StateReason="idle"
    )


async def disarm(life: Life) -> None:
    """Somebody deletes the alarm in the console."""
    facts = await life.facts()
    await asyncio.sleep(1)  # a fresh alarm need not be shown yet
    await asyncio.to_thread(life.ground.cloudwatch.delete_alarms, AlarmNames=[facts["alarm"]])


async def suspend_while_made(life: Life) -> None:
    """She asks for a machine, and is suspended as soon as it is launched: whoever works then may have died before."""
    await life.ask("create")

    async def once_launched() -> None:
        await life.until(lambda facts: facts.get("machine"), LAUNCHED_WITHIN)
        await life.ask("suspend")

    life.meanwhile = asyncio.create_task(once_launched())


PROVISION = Scenario("provision", asked("create"), "RUNNING")
OWN_KEY = Scenario("provision with her own key", asked("create_own"), "RUNNING")
STOP = Scenario("stop", asked("stop"), "STOPPED", "PERSON")
RESIZE = Scenario("resize", asked("resize"), "STOPPED", size="t3.medium, 40 GiB")
START = Scenario("start", asked("start"), "RUNNING")
IDLE = Scenario("idle", idle, "STOPPED", "IDLE")
REARM = Scenario("re-arm", disarm, "RUNNING")
LEASE = Scenario("lease", asked("download"), "RUNNING", is_never_bare=True)
AWAKE = Scenario("keep awake", asked("keep_awake"), "RUNNING", is_never_bare=True)
LET_IN = Scenario("let in", asked("let_in", OWN), "RUNNING", lets_in=True, is_never_bare=True)
SHUT_OUT = Scenario("shut out", asked("shut_out", OWN), "RUNNING", lets_in=False, is_never_bare=True)
REPLACE = Scenario("replace the key", asked("replace"), "RUNNING", replaces_key=True)
REPLACE_OWN = Scenario("replace the key by her own", asked("replace_own"), "RUNNING", replaces_key=True)
SUSPEND = Scenario("suspend", asked("suspend"), "STOPPED", "NOT_APPROVED")
SUSPEND_MADE = Scenario("suspend while it is made", suspend_while_made, "STOPPED", "NOT_APPROVED")
COME_BACK = Scenario("come back", asked("come_back"), "RUNNING")
TERMINATE = Scenario("terminate", asked("terminate"), "TERMINATED")

TRACKS = (
    (PROVISION, STOP, RESIZE, START, TERMINATE),
    (PROVISION, LET_IN, IDLE, START, SHUT_OUT, TERMINATE),
    (PROVISION, REARM, LEASE, AWAKE, SUSPEND, TERMINATE),
    (SUSPEND_MADE, COME_BACK, TERMINATE),
    (OWN_KEY, TERMINATE),
    (PROVISION, REPLACE, REPLACE_OWN, TERMINATE),
)
"""Lives that together go through everything."""
SHORTEST = (PROVISION, TERMINATE)
