"""Which crashes there are, found by watching lives without any; and lives with them, many side by side."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from tests.crashes.ground import Ground
from tests.crashes.life import SETTLED_WITHIN, Facts, Life
from tests.crashes.points import Point, counted
from tests.crashes.scenarios import LIFE, Scenario
from tests.crashes.verdict import LATE, WRONG, Wrong, everything, wrongs

Schedule = tuple[Point, ...]
"""Where the first worker dies, where its successor does, and so on. Empty: nobody dies."""
Plan = Sequence[Schedule]
"""A schedule for each scenario of a life."""


@dataclass
class Outcome:
    """One scenario of one life."""

    scenario: str
    schedule: Schedule
    struck: int = 0
    """How many workers did die."""
    wrongs: list[Wrong] = field(default_factory=list)
    seconds: float = 0.0
    """From the last crash until all was as wished."""
    passed: list[list[Point]] = field(default_factory=list)
    """By each worker, up to its end."""
    calls: int = 0
    commits: int = 0

    def __str__(self) -> str:
        return f"{self.scenario} [{' | '.join(map(str, self.schedule)) or 'no crash'}]"


async def live(ground: Ground, plan: Plan, scenarios: Sequence[Scenario] = LIFE) -> list[Outcome]:
    """One life; it ends early where something is wrong."""
    outcomes = []
    async with Life(ground) as life:
        for scenario, schedule in zip(scenarios, plan, strict=False):
            outcomes.append(await _go_through(life, scenario, schedule))
            if outcomes[-1].wrongs:
                break
        if outcomes:
            outcomes[-1].calls = sum(worker.aws.calls for worker in life.workers)
            outcomes[-1].commits = sum(worker.postgres.commits for worker in life.workers)
    return outcomes


async def _go_through(life: Life, scenario: Scenario, schedule: Schedule) -> Outcome:
    outcome = Outcome(scenario.name, schedule)
    try:
        await _crash_and_settle(life, scenario, outcome)
    except TimeoutError as error:
        outcome.wrongs.append((LATE, str(error)))
    except Exception as error:  # of the harness, or of an action that should have been possible
        outcome.wrongs.append((WRONG, f"{type(error).__name__}: {error}"))
    return outcome


async def _crash_and_settle(life: Life, scenario: Scenario, outcome: Outcome) -> None:
    before = await life.facts()
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
        outcome.passed.append(life.worker.watch.passed)
        began = time.monotonic()
        await life.hire(targets.pop(0))
    outcome.passed.append(life.worker.watch.passed)
    while found := await wrongs(life, scenario, facts):
        if time.monotonic() - began > SETTLED_WITHIN:
            outcome.wrongs += found
            return
        await asyncio.sleep(1)
        facts = await life.until(_is_over(scenario, before), SETTLED_WITHIN)
    outcome.seconds = time.monotonic() - began


def _is_over(scenario: Scenario, before: Facts):
    return lambda facts: scenario.is_over(facts, before)


# --- which -----------------------------------------------------------------------------------------------------------
async def record(ground: Ground, scenarios: Sequence[Scenario] = LIFE, times: int = 2) -> dict[str, list[Point]]:
    """Every point of each scenario, by watching lives in which nobody dies."""
    lives = await asyncio.gather(*(live(ground, [()] * len(scenarios), scenarios) for _ in range(times)))
    found: dict[str, dict[Point, None]] = defaultdict(dict)
    for outcome in chain.from_iterable(lives):
        assert not outcome.wrongs, f"without any crash, {outcome}: {outcome.wrongs}"
        for passed in outcome.passed:
            found[outcome.scenario].update(dict.fromkeys(counted(passed)))
    return {name: list(points) for name, points in found.items()}


def singles(points: Mapping[str, Iterable[Point]], chance: random.Random) -> list[list[Schedule]]:
    """Lives in which each point is struck once; each scenario of a life has one."""
    waiting = {name: [(point,) for point in some] for name, some in points.items()}
    for schedules in waiting.values():
        chance.shuffle(schedules)
    plans = []
    while any(waiting.values()):
        plans.append([waiting[scenario.name].pop() if waiting[scenario.name] else () for scenario in LIFE])
    return plans


# --- all of them -----------------------------------------------------------------------------------------------------
@dataclass
class Report:
    """What came of it."""

    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0
    left: Counter[str] = field(default_factory=Counter)
    """In AWS, when all lives were over."""

    @property
    def bad(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.wrongs]

    @property
    def missed(self) -> list[Outcome]:
        """Whose points were not all come by this time."""
        return [o for o in self.outcomes if not o.wrongs and o.struck < len(o.schedule)]

    def __str__(self) -> str:
        struck = [o for o in self.outcomes if o.struck]
        points = {(o.scenario, point) for o in struck for point in o.schedule[: o.struck]}
        kinds = Counter(kind for outcome in self.outcomes for kind in {kind for kind, _ in outcome.wrongs})
        slow = max((outcome.seconds for outcome in struck), default=0.0)
        return "\n".join([
            f"{len(points)} crash points, {len(struck)} schedules, {sum(o.struck for o in struck)} workers killed "
            f"in {self.seconds:.0f} s; {len(self.missed)} schedules not come by",
            f"ended with an orphan: {kinds['orphan']}, a double: {kinds['double']}, a lost key: {kinds['lost key']}, "
            f"not settled within {SETTLED_WITHIN:.0f} s: {kinds['not settled']}, otherwise wrong: {kinds['wrong']}",
            f"settled after at most {slow:.0f} s; left in AWS at the end: {dict(self.left) or 'nothing'}",
        ])  # fmt: skip


async def run(
    ground: Ground, plans: Sequence[Plan], lanes: int, scenarios: Sequence[Scenario] = LIFE, tell=print
) -> Report:
    """Lead these lives, `lanes` of them at the same time."""
    report, began, free = Report(), time.monotonic(), asyncio.Semaphore(lanes)

    async def lead(plan: Plan) -> None:
        async with free:
            outcomes = await live(ground, plan, scenarios)
        report.outcomes += outcomes
        for outcome in outcomes:
            for kind, text in outcome.wrongs:
                tell(f"{kind.upper()} {outcome}: {text}")

    await asyncio.gather(*(lead(plan) for plan in plans))
    if not report.bad:
        await asyncio.sleep(1)  # the last machines have just begun to end
        report.left = await asyncio.to_thread(everything, ground)
    report.seconds = time.monotonic() - began
    return report
