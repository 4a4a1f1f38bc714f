"""`python -m localcloud --home DIR`: the trial cloud as one process, or two with the supervisor of its sandboxes."""

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

from localcloud.clock import BadClock, Clock
from localcloud.home import Home, HomeInUse
from localcloud.sandboxes import linux, process_supervisor
from localcloud.sandboxes.isolation import UnsafeFolder, find_isolation
from localcloud.sandboxes.limits import MOST_PROCESSES, Limits
from localcloud.trimmed_asyncssh import import_asyncssh


def main() -> int:
    options = _options()
    if sys.platform != "linux":
        print("localcloud: machines with real processes need Linux (WSL counts)", file=sys.stderr)  # noqa: T201
        return 1
    logging.basicConfig(level=logging.INFO, format="localcloud: %(message)s", stream=sys.stderr)
    if options.die_with_parent:
        linux.die_with_parent(signal.SIGTERM)
    # The caller's umask may be strict, and a sandbox's user has to enter some folders here. Private ones set their
    # mode.
    os.umask(0o022)
    try:
        clock = Clock.from_environment()
        home = Home(options.home.absolute())
        home.open()
        home.withdraw()
        identity = home.identity()
        isolation = find_isolation(home.sandboxes, identity.marker)
    except (BadClock, HomeInUse, UnsafeFolder, OSError) as problem:
        print(f"localcloud: {problem}", file=sys.stderr)  # noqa: T201
        return 1
    # Fork now, while there is one thread and little in memory.
    limits = Limits.of_this_computer(home.path, options.memory, options.disk, options.processes)
    channel = process_supervisor.start(identity.marker, isolation.first_uid, limits)
    # Only now the large modules: moto and asyncssh
    import_asyncssh()
    from localcloud.running import run  # noqa: PLC0415

    return run(home, clock, isolation, channel, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="localcloud", description="a small AWS on loopback, for trials and tests")
    parser.add_argument("--home", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--port", type=int, default=0, help="of the API; 0: choose one and keep it")
    parser.add_argument("--ssh-port", type=int, default=0, help="of the machines; 0: 2222 or the next free one, kept")
    parser.add_argument("--region", default="", help="ap-northeast-2 where nothing is said")
    parser.add_argument("--hurry", type=float, default=1.0, help="boot and stop machines N times as fast, for tests")
    parser.add_argument(
        "--policy", type=Path, help="IAM policy of the one user; policy.json in the home, if it is there"
    )
    parser.add_argument("--faults", action="store_true", help="fault injection over HTTP, under /_localcloud/")
    parser.add_argument("--memory", type=int, help="MB of memory that one machine may use; a quarter of all")
    parser.add_argument("--disk", type=int, help="MB of the disk that one machine may use; a quarter of all")
    parser.add_argument("--processes", type=int, default=MOST_PROCESSES, help="processes and threads of one machine")
    parser.add_argument("--vcpu-quota", type=int, help="running vCPUs of standard types; 5 in a new account")
    parser.add_argument("--alarm-quota", type=int, help="alarms of the account")
    parser.add_argument(
        "--die-with-parent", action="store_true", help="end when the process that started this one ends"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
