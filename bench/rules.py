"""A rule is changed for many machines: as long as Amazon's quota of alarms lets it take, six minutes for a thousand."""

from bench import worker


def main(machines: int = worker.MACHINES) -> None:
    """Measure it once."""
    worker.rearm(machines)
