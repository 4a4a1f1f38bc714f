"""Which crashes there are, found by watching lives without any; and lives with them, many side by side."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest

from tests.crashes.ground import Ground
from tests.crashes.life import CLOSED_WITHIN, SETTLED_WITHIN, Facts, Life
from tests.crashes.points import Point, counted
from tests.crashes.scenarios import PROVISION, REPLACE, REPLACE_OWN, SHORTEST, TERMINATE, TRACKS, Scenario
from tests.crashes.verdict import KINDS, LATE, LOST_KEY, OPEN, WRONG, Wrong, everything, locked_out, watched_by, wrongs

Schedule = tuple[Point, ...]
"""Where the first worker dies, where its successor does, and so on. Empty: nobody dies."""


@dataclass(frozen=True)
class Plan:
    """What a life goes through, and who is struck meanwhile."""

    steps: tuple[tuple[Scenario, Schedule], ...]
    how: str = "kill"
    """Or `term`, a worker is asked to end; or `freeze`, until another has done the work."""

    @classmethod
    def calm(cls, scenarios: Iterable[Scenario]) -> "Plan":
        return cls(tuple((scenario, ()) for scenario in scenarios))


@dataclass
class Outcome:
    """One scenario of one life."""

    scenario: str
    schedule: Schedule
    how: str = "kill"
    struck: int = 0
    """How many workers did die."""
    wrongs: list[Wrong] = field(default_factory=list)
    seconds: float = 0.0
    """The time from the last crash until all was as wished."""
    passed: list[list[Point]] = field(default_factory=list)
    """The points that each worker passed, up to its end."""
    calls: int = 0
    commits: int = 0

    def __str__(self) -> str:
        return f"{self.scenario} [{' | '.join(map(str, self.schedule)) or 'no crash'}] by {self.how}"


async def live(ground: Ground, plan: Plan) -> list[Outcome]:
    """One life; it ends early where something is wrong."""
    outcomes = []
    async with Life(ground, plan.how) as life:
        for scenario, schedule in plan.steps:
            outcomes.append(await _go_through(life, scenario, schedule))
            if outcomes[-1].wrongs:
                break
        if outcomes:
            outcomes[-1].calls = sum(worker.aws.calls for worker in life.workers)
            outcomes[-1].commits = sum(worker.postgres.commits for worker in life.workers)
    return outcomes


async def _go_through(life: Life, scenario: Scenario, schedule: Schedule) -> Outcome:
    outcome = Outcome(scenario.name, schedule, life.how)
    try:
        await _crash_and_settle(life, scenario, outcome)
    except TimeoutError as error:
        outcome.wrongs.append((LATE, str(error)))
    except Exception as error:  # of the harness, or of an action that should have been possible
        outcome.wrongs.append((WRONG, f"{type(error).__name__}: {error}"))
    return outcome


async def _crash_and_settle(life: Life, scenario: Scenario, outcome: Outcome) -> None:
    before = await life.facts()
    life.keys_replaced += scenario.replaces_key
    targets: list[Point | None] = [*outcome.schedule, None]
    if life.workers:
        life.worker.watch.begin(targets.pop(0))
        await scenario.begin(life)
    else:  # the first: asked for while nobody works, so that a start of the worker is watched too
        await scenario.begin(life)
        await life.hire(targets.pop(0))
    began = time.monotonic()
    while not (facts := await life.struck_or(life.until(_is_over(scenario, before), SETTLED_WITHIN))):
        outcome.struck += 1
        if scenario.is_never_bare and not await asyncio.to_thread(watched_by, life.ground, before["machine"]):
            outcome.wrongs.append((WRONG, f"{before['machine']} runs without an alarm"))
        # Twice: between her question and her login, a worker that was only asked to end may go on.
        if scenario.replaces_key and await locked_out(life, before) and (no := await locked_out(life, before)):
            outcome.wrongs.append((LOST_KEY, f"while her key is replaced: {no}"))
        outcome.passed.append(life.worker.watch.passed)
        began = time.monotonic()
        await life.hire(targets.pop(0))
    life.worker.watch.end()
    outcome.passed.append(life.worker.watch.passed)
    if await life.thaw():
        facts = await life.until(_is_over(scenario, before), SETTLED_WITHIN)
    over = time.monotonic()
    while found := await wrongs(life, scenario, facts):
        is_open_for_long = time.monotonic() - over > CLOSED_WITHIN and any(kind == OPEN for kind, _ in found)
        if is_open_for_long or time.monotonic() - began > SETTLED_WITHIN:
            outcome.wrongs += found
            return
        await asyncio.sleep(1)
        facts = await life.until(_is_over(scenario, before), SETTLED_WITHIN)
    outcome.seconds = time.monotonic() - began
    await life.dismiss()


def _is_over(scenario: Scenario, before: Facts):
    return lambda facts: scenario.is_over(facts, before)


# --- which -----------------------------------------------------------------------------------------------------------
async def record(ground: Ground, lanes: int, times: int = 2) -> dict[str, list[Point]]:
    """Every point of each scenario, by watching lives in which nobody dies."""
    free = asyncio.Semaphore(lanes)

    async def lead(track: tuple[Scenario, ...]) -> list[Outcome]:
        async with free:
            return await live(ground, Plan.calm(track))

    lives = await asyncio.gather(*(lead(track) for track in TRACKS * times))
    found: dict[str, dict[Point, None]] = defaultdict(dict)
    for outcome in chain.from_iterable(lives):
        assert not outcome.wrongs, f"without any crash, {outcome}: {outcome.wrongs}"
        for passed in outcome.passed:
            found[outcome.scenario].update(dict.fromkeys(counted(passed)))
    return {name: list(points) for name, points in found.items()}


def singles(points: Mapping[str, Iterable[Point]], chance: random.Random) -> list[Plan]:
    """Lives in which each point is struck once; each scenario of a life has one. Of every track in turn."""
    waiting = {name: [(point,) for point in some] for name, some in points.items()}
    for schedules in waiting.values():
        chance.shuffle(schedules)
    plans = []
    while any(waiting.values()):
        # Where nothing waits besides making and ending, the shortest life will do.
        tracks = [track for track in TRACKS if any(waiting[each.name] for each in set(track) - set(SHORTEST))] or [
            SHORTEST
        ]
        for track in tracks:
            plans.append(Plan(tuple((each, waiting[each.name].pop() if waiting[each.name] else ()) for each in track)))
    return plans


def otherwise(how: str, points: Mapping[str, Iterable[Point]], chance: random.Random) -> list[Plan]:
    """Lives in which whoever makes a machine or replaces its key is struck in another way than by a kill."""
    plans = []
    for scenario in (PROVISION, REPLACE, REPLACE_OWN):
        some = list(points[scenario.name])
        chance.shuffle(some)
        plans.append(struck_at(some, how, scenario))
    return [plan for some in zip_longest(*plans) for plan in some if plan]


def struck_at(points: Iterable[Point], how: str, scenario: Scenario = PROVISION) -> list[Plan]:
    """Short lives in which the worker is struck at one of these points of a scenario."""
    return [
        Plan(tuple((each, (point,) if each is scenario else ()) for each in _shortest_with(scenario)), how)
        for point in points
    ]


def _shortest_with(scenario: Scenario) -> tuple[Scenario, ...]:
    return SHORTEST if scenario in SHORTEST else (PROVISION, scenario, TERMINATE)


def pairs(report: "Report", scenario: Scenario) -> list[Plan]:
    """A second crash at each point that the successor came by. What is repeated counts once here."""
    singly = {
        o.schedule[0]: o.passed[1]
        for o in report.outcomes
        if o.scenario == scenario.name and len(o.schedule) == o.struck == 1 and not o.wrongs
    }
    return [
        Plan(((scenario, (first, then)), (TERMINATE, ())))
        for first in counted(singly, repeats=1)
        for then in counted(singly[first], repeats=1)
    ]


# --- all of them -----------------------------------------------------------------------------------------------------
@dataclass
class Report:
    """The results."""

    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0
    left: Counter[str] = field(default_factory=Counter)
    """The things left in AWS when all lives were over."""

    @property
    def bad(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.wrongs]

    @property
    def missed(self) -> list[Outcome]:
        """Return those whose points were not all reached this time."""
        return [o for o in self.outcomes if not o.wrongs and o.struck < len(o.schedule)]

    @property
    def is_well(self) -> bool:
        return not self.bad and not self.left

    def add(self, other: "Report") -> None:
        """Add the results of another run on the same ground."""
        self.outcomes += other.outcomes
        self.seconds += other.seconds
        self.left |= other.left

    def __str__(self) -> str:
        struck = [o for o in self.outcomes if o.struck]
        points = {(o.scenario, point) for o in struck for point in o.schedule[: o.struck]}
        kinds = Counter(kind for outcome in self.outcomes for kind in {kind for kind, _ in outcome.wrongs})
        slow = max((outcome.seconds for outcome in struck), default=0.0)
        asked = sum(o.calls for o in self.outcomes), sum(o.commits for o in self.outcomes)
        return "\n".join([
            f"{len(points)} crash points, {len(struck)} schedules, {sum(o.struck for o in struck)} faults "
            f"among {asked[0]} calls to AWS and {asked[1]} commits, in {self.seconds:.0f} s; "
            f"{len(self.missed)} schedules not come by",
            "ended with " + ", ".join(f"{kind}: {kinds[kind]}" for kind in KINDS)
            + f"; settled after at most {slow:.0f} s; left in AWS: {dict(self.left) or 'nothing'}",
        ])  # fmt: skip


async def run(ground: Ground, plans: Sequence[Plan], lanes: int) -> Report:
    """Run these lives, `lanes` of them at the same time."""
    report, began, free = Report(), time.monotonic(), asyncio.Semaphore(lanes)

    async def lead(plan: Plan) -> None:
        async with free:
            outcomes = await live(ground, plan)
        report.outcomes += outcomes
        for outcome in outcomes:
            for kind, text in outcome.wrongs:
                print(f"{kind.upper()} {outcome}: {text}", flush=True)

    await asyncio.gather(*(lead(plan) for plan in plans))
    if not report.bad:
        await asyncio.sleep(1)  # the last machines have just begun to end
        report.left = await asyncio.to_thread(everything, ground)
    report.seconds = time.monotonic() - began
    return report
