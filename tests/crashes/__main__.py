"""`python -m tests.crashes`: each crash point once and what else goes wrong; with --pairs, two crashes in a row."""

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence

from tests.crashes.away import HALF_AN_HOUR, go_away
from tests.crashes.clicks import CLICKS, PEOPLE, click_everywhere
from tests.crashes.ground import Ground
from tests.crashes.scenarios import PROVISION
from tests.crashes.storm import people, rage
from tests.crashes.sweep import Plan, Report, otherwise, pairs, record, run, singles
from tests.plugin import SETTINGS

PARTS = ("crashes", "storm", "clicks", "away")


def main() -> int:
    """The exit code is 1 if anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.crashes", description=__doc__)
    parser.add_argument("parts", nargs="*", default=PARTS, help=f"of {', '.join(PARTS)} (all)")
    parser.add_argument("--lanes", type=int, default=6, help="lives at the same time (6)")
    parser.add_argument("--singles", type=int, default=-1, help="so many lives with a crash in each scenario (-1: all)")
    parser.add_argument("--freezes", type=int, default=40, help="so many lives with a freeze (40; -1: all)")
    parser.add_argument("--terms", type=int, default=20, help="so many lives with a SIGTERM (20; -1: all)")
    parser.add_argument("--pairs", type=int, default=0, help="so many pairs while provisioning (0; -1: all, for hours)")
    parser.add_argument("--seed", type=int, default=1, help="chooses which (1)")
    parser.add_argument("--keep", help="copy the logs there if anything went wrong")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no {', '.join(unknown)}")
    with tempfile.TemporaryDirectory(prefix="ondol-sweep-") as folder:
        os.environ |= SETTINGS | {"ONDOL_HOME": f"{folder}/home"}
        return asyncio.run(_Sweep(options).run())


class _Sweep:
    """One run of all parts."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.chance = options, random.Random(options.seed)
        self.is_well = True

    async def run(self) -> int:
        began, parts = time.monotonic(), self.options.parts
        if "crashes" in parts:
            async with Ground() as self.ground:
                await self._crashes()
        if "storm" in parts:
            async with Ground(*people(50)) as ground:
                self._tell(await rage(ground, people(50), to_the_end=True))
        if "clicks" in parts:
            async with Ground(*PEOPLE) as ground:
                self._tell(await click_everywhere(ground, *CLICKS))
        if "away" in parts:
            async with Ground() as ground:
                self._tell(await go_away(ground, HALF_AN_HOUR))
        print(f"{time.monotonic() - began:.0f} s; repeat it with --seed {self.options.seed}")
        return not self.is_well

    async def _crashes(self) -> None:
        options = self.options
        points = await record(self.ground, options.lanes)
        told = ", ".join(f"{name} {len(some)}" for name, some in points.items())
        print(f"crash points: {told}; {sum(map(len, points.values()))} together", flush=True)
        singly = await self._part("one crash each", singles(points, self.chance), options.singles)
        for how, most in (("freeze", options.freezes), ("term", options.terms)):
            await self._part(how, otherwise(how, points, self.chance), most)
        twice = pairs(singly, PROVISION)
        self.chance.shuffle(twice)
        await self._part("two crashes", twice, options.pairs)
        if options.keep and not self.is_well:
            shutil.copytree(self.ground.folder, options.keep, ignore=lambda *_: _LARGE, dirs_exist_ok=True)

    async def _part(self, name: str, plans: Sequence[Plan], most: int) -> Report:
        chosen = plans if most < 0 else plans[:most]
        report = await run(self.ground, chosen, self.options.lanes)
        if chosen:
            print(f"--- {name}: {len(chosen)} of {len(plans)} lives\n{report}", flush=True)
        for outcome in report.missed:
            print(f"not come by: {outcome}")
        self.is_well &= report.is_well
        return report

    def _tell(self, part) -> None:
        print(f"--- {part}", *part.wrongs, sep="\n", flush=True)
        self.is_well &= not part.wrongs


_LARGE = {"postgres", "sql", "nursery", "cloud"}

if __name__ == "__main__":
    sys.exit(main())
