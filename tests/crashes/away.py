"""AWS is away: people still see their machine and take their key, and afterwards everything catches up by itself."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.crashes.ground import SPEED, Ground
from tests.crashes.life import SETTLED_WITHIN, Life
from tests.crashes.scenarios import PROVISION, STOP
from tests.crashes.verdict import wrongs
from tests.journey.site import slowness

HALF_AN_HOUR = 1800 / SPEED
"""Half an hour of the machines' clock, in real seconds."""
STALE = 90
"""Real seconds after which pages say since when nothing is confirmed."""
UNCONFIRMED = "AWS의 상태를 확인하지 못했습니다"
SLOW = 2.0
"""Seconds that no page may take, on a computer that does nothing else."""


@dataclass
class Away:
    """The results."""

    seconds: float = 0.0
    pages: int = 0
    slowest: float = 0.0
    caught_up: float = 0.0
    wrongs: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"AWS away for {self.seconds:.0f} s, {self.seconds * SPEED / 60:.0f} min of the machines' clock: "
            f"{self.pages} pages, the slowest after {self.slowest:.2f} s; all caught up within {self.caught_up:.0f} s; "
            f"wrong: {len(self.wrongs)}"
        )


async def go_away(ground: Ground, seconds: float) -> Away:
    """Alice's machine runs; AWS refuses every connection, she stops her machine, and AWS comes back."""
    told = Away(seconds)
    async with Life(ground) as life:
        web = await life.open_pages()
        await PROVISION.begin(life)
        await life.hire()
        before = await life.until(lambda facts: PROVISION.is_over(facts, {}), SETTLED_WITHIN)
        reader = _Reader(web.url, await ground.ask(life.url, "token", "alice"), told)
        session = await ground.ask(life.url, "session", "alice")
        await reader.until_open()
        life.worker.aws.close()
        left = time.monotonic()
        await reader.observe("POST", "/api/instances/stop", 202)
        while time.monotonic() < left + seconds:
            await reader.observe("GET", "/api/instances/status", 200, "STOPPING")
            await reader.observe("POST", "/api/instances/ssh-key", 200, "PRIVATE KEY")
            # Only after a while do people have to know.
            unconfirmed = UNCONFIRMED if time.monotonic() > left + STALE + 10 else ""
            await reader.observe("GET", "/", 200, unconfirmed, cookies={"ondol_session": session})
            await asyncio.sleep(1)
        await life.worker.aws.open()
        returned = time.monotonic()
        facts = await life.until(lambda facts: STOP.is_over(facts, before), SETTLED_WITHIN)
        told.wrongs += [text for _, text in await wrongs(life, STOP, facts)]
        await life.until(lambda facts: not facts["trouble"], SETTLED_WITHIN)
        told.caught_up = time.monotonic() - returned
    return told


class _Reader:
    """Alice at her browser."""

    def __init__(self, url: str, token: str, told: Away) -> None:
        self.url, self.token, self.told = url, token, told

    async def until_open(self) -> None:
        """The web part may still be starting."""
        async with asyncio.timeout(30):
            while True:
                try:
                    return await self.observe("GET", "/healthz", 200)
                except requests.ConnectionError:
                    await asyncio.sleep(0.2)

    async def observe(self, method: str, path: str, status: int, part: str = "", **how: Any) -> None:
        """What comes must be right, and at once. With a cookie by it, else by alice's token."""
        how = how or {"headers": {"Authorization": f"Bearer {self.token}"}}
        answer = await asyncio.to_thread(requests.request, method, self.url + path, timeout=30, **how)
        took = answer.elapsed.total_seconds()
        self.told.pages, self.told.slowest = self.told.pages + 1, max(self.told.slowest, took)
        if answer.status_code != status or part not in answer.text or took > SLOW * slowness():
            self.told.wrongs.append(f"{method} {path}: {answer.status_code} after {took:.1f} s")
