"""`python -m tests.crashes`: each crash point once, freezes at some, with --pairs two crashes in a row."""

import argparse
import asyncio
import random
import shutil
import sys
import time
from collections.abc import Sequence

from tests.crashes.ground import Ground
from tests.crashes.scenarios import PROVISION
from tests.crashes.sweep import Plan, Report, otherwise, pairs, record, run, singles


def main() -> int:
    """The exit code is 1 if anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.crashes", description=__doc__)
    parser.add_argument("--lanes", type=int, default=10, help="lives at the same time (10)")
    parser.add_argument("--singles", type=int, default=-1, help="so many lives, each with a crash or more (-1: all)")
    parser.add_argument("--freezes", type=int, default=60, help="so many lives with a freeze (60; -1: all)")
    parser.add_argument("--terms", type=int, default=30, help="so many lives with a SIGTERM (30; -1: all)")
    parser.add_argument("--pairs", type=int, default=0, help="so many pairs while provisioning (0; -1: all, for hours)")
    parser.add_argument("--seed", type=int, default=1, help="chooses which (1)")
    parser.add_argument("--keep", help="copy the logs there if anything went wrong")
    return asyncio.run(_Sweep(parser.parse_args()).run())


class _Sweep:
    """One run, of up to three parts."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.chance = options, random.Random(options.seed)
        self.is_well = True

    async def run(self) -> int:
        began, options = time.monotonic(), self.options
        async with Ground() as self.ground:
            points = await record(self.ground)
            told = ", ".join(f"{name} {len(some)}" for name, some in points.items())
            print(f"crash points: {told}; {sum(map(len, points.values()))} together", flush=True)
            singly = await self._part("one crash each", singles(points, self.chance), options.singles)
            for how, most in (("freeze", options.freezes), ("term", options.terms)):
                await self._part(how, otherwise(how, points, self.chance), most)
            await self._part("two crashes", self._shuffled(pairs(singly, PROVISION)), options.pairs)
            if options.keep and not self.is_well:
                shutil.copytree(self.ground.folder, options.keep, ignore=lambda *_: _LARGE, dirs_exist_ok=True)
        print(f"{time.monotonic() - began:.0f} s; repeat it with --seed {options.seed}")
        return not self.is_well

    async def _part(self, name: str, plans: Sequence[Plan], most: int) -> Report:
        chosen = plans if most < 0 else plans[:most]
        report = await run(self.ground, chosen, self.options.lanes)
        if chosen:
            print(f"--- {name}: {len(chosen)} of {len(plans)} lives\n{report}", flush=True)
        for outcome in report.missed:
            print(f"not come by: {outcome}")
        self.is_well &= report.is_well
        return report

    def _shuffled(self, plans: list[Plan]) -> list[Plan]:
        self.chance.shuffle(plans)
        return plans


_LARGE = {"postgres", "sql", "nursery", "cloud"}

if __name__ == "__main__":
    sys.exit(main())
