"""The web part is killed at every commit of a click: what was acknowledged has happened, and exactly once."""

import asyncio
from dataclasses import dataclass, field

import requests

from tests.crashes.ground import Ground
from tests.crashes.life import Life
from tests.crashes.parts import Web
from tests.crashes.points import Point
from tests.crashes.storm import people
from tests.journey.site import slowness

CLICKS = {
    "create": ("POST", "/api/instances", [">PENDING"]),
    "terminate": ("DELETE", "/api/admin/users/{id}/instance", [">PENDING", "PENDING>TERMINATING"]),
}
"""The clicks by name: the call, and the record of the row's statuses afterwards. No worker runs meanwhile."""
PEOPLE = people(24)
BACK_WITHIN = 15.0

_MADE = """
SELECT u.id AS user, (SELECT array_agg(c.old || '>' || c.new ORDER BY c.id) FROM instances_statuschange c
                       JOIN instances_instance i ON i.id = c.instance_id WHERE i.owner_id = u.id) AS changes,
       (SELECT count(*) FROM procrastinate_jobs WHERE args->>'row' IN
         (SELECT i.id::text FROM instances_instance i WHERE i.owner_id = u.id)) AS jobs
  FROM accounts_user u WHERE u.email = %s
"""


@dataclass
class Clicks:
    """The results."""

    points: int = 0
    acknowledged: int = 0
    missed: list[str] = field(default_factory=list)
    """Points that were not reached: a count of a minute is inserted once, and updated afterwards."""
    wrongs: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"the web part killed at {self.points} boundaries of clicks, {self.acknowledged} of them acknowledged; "
            f"{len(self.missed)} not come by; wrong: {len(self.wrongs)}"
        )


async def click_everywhere(ground: Ground, *whats: str) -> Clicks:
    """Each point is somebody else's click."""
    told = Clicks()
    async with Life(ground) as life:
        web = await life.open_pages()
        clicker = _Clicker(life, web)
        await clicker.back()
        free = iter(PEOPLE)
        for what in whats:
            points = await clicker.recorded(what, next(free))
            assert points
            for point in points:
                await clicker.click_at(what, next(free), point, told)
    return told


class _Clicker:
    """Clicks on somebody's behalf; people by their own tokens, ada for the others."""

    def __init__(self, life: Life, web: Web) -> None:
        self.life, self.web = life, web

    async def recorded(self, what: str, name: str) -> list[Point]:
        """The points of such a click."""
        await self._prepare(what, name)
        self.web.watch.begin(None)
        assert await self._click(what, name)
        return list(self.web.watch.passed)

    async def click_at(self, what: str, name: str, point: Point, told: Clicks) -> None:
        await self._prepare(what, name)
        self.web.watch.begin(point)
        was_told = await self._click(what, name)
        if not self.web.watch.struck.is_set():
            told.missed.append(f"{what} at {point}")
        told.points, told.acknowledged = told.points + 1, told.acknowledged + was_told
        await self.back()
        changes, jobs = await self._made(name)
        wanted = CLICKS[what][2]
        allowed = [wanted] if was_told else [wanted, wanted[:-1]]
        if changes not in allowed or jobs != bool(changes):
            told.wrongs.append(f"{what} at {point}: {changes}, {jobs} jobs, acknowledged: {was_told}")
        if not was_told:
            await self._click(what, name)
            if await self._made(name) != (wanted, 1):
                told.wrongs.append(f"{what} at {point} and once more: {await self._made(name)}")

    async def back(self) -> None:
        """Wait until the web part answers; start it again if it was killed."""
        if not self.web.is_started:
            await self.web.again()
        async with asyncio.timeout(BACK_WITHIN * slowness()):
            while not await self._answers("GET", "/healthz", "", 200):
                await asyncio.sleep(0.1)

    async def _prepare(self, what: str, name: str) -> None:
        ground, url = self.life.ground, self.life.url
        self.token = await ground.ask(
            url, "token", name if what == "create" else "ada"
        )  # unused: its first use is noted
        if what == "terminate":
            await ground.ask(url, "create", name)

    async def _click(self, what: str, name: str) -> bool:
        """Whether it was acknowledged."""
        method, path, _ = CLICKS[what]
        row = await self._row(name)
        return await self._answers(method, path.format(id=row["user"]), self.token, 202)

    async def _answers(self, method: str, path: str, token: str, status: int) -> bool:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            answer = await asyncio.to_thread(
                requests.request, method, self.web.url + path, headers=headers, timeout=10
            )  # fmt: skip
        except requests.ConnectionError:
            return False
        return answer.status_code == status

    async def _made(self, name: str) -> tuple[list[str], int]:
        row = await self._row(name)
        return row["changes"] or [], row["jobs"]

    async def _row(self, name: str) -> dict:
        return await (await self.life.sql.execute(_MADE, [f"{name}@example.org"])).fetchone()
