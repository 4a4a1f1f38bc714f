"""`python -m tests.crashes`: every crash point once; with --pairs, two crashes one after the other."""

import argparse
import asyncio
import random
import shutil
import sys
import time

from tests.crashes.ground import Ground
from tests.crashes.sweep import record, run, singles


def main() -> int:
    """The exit code is 1 if anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.crashes", description=__doc__)
    parser.add_argument("--lanes", type=int, default=10, help="lives at the same time (10)")
    parser.add_argument("--lives", type=int, default=0, help="no more than so many lives, chosen by the seed (all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="copy the logs there if anything went wrong")
    return asyncio.run(_sweep(parser.parse_args()))


async def _sweep(options: argparse.Namespace) -> int:
    began, chance = time.monotonic(), random.Random(options.seed)
    async with Ground() as ground:
        points = await record(ground)
        told = ", ".join(f"{name} {len(some)}" for name, some in points.items())
        print(f"crash points: {told}; {sum(map(len, points.values()))} together")
        plans = singles(points, chance)
        report = await run(ground, plans[: options.lives or None], options.lanes)
        print(report)
        for outcome in report.missed:
            print(f"not come by: {outcome}")
        if report.bad and options.keep:
            shutil.copytree(ground.folder, options.keep, ignore=lambda *_: {"postgres", "sql", "nursery", "cloud"})
    print(f"{time.monotonic() - began:.0f} s; repeat it with --seed {options.seed}")
    return 1 if report.bad or report.left else 0


if __name__ == "__main__":
    sys.exit(main())
