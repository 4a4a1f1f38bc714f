"""A process that has loaded the application once and forks workers of it: each starts in a fraction of a second.

`python -m tests.crashes.nursery SOCKET`. One connection is one fork: a line of JSON says what it is to be, with which
environment; it answers with its process id, and a question of `asks` with what came of it. What runs in a fork is the
product as it is, but for four numbers that only say how long to wait (HASTE).
"""

import functools
import gc
import json
import os
import random
import signal
import socket
import sys
import traceback
from datetime import timedelta
from pathlib import Path

from ondol.host.process import die_with_parent

HASTE = {"HEARTBEAT": 0.5, "SWEEP": 0.5, "DEAD_AFTER": 2.0}
"""The shorter times of `ondol.worker`: a dead worker's jobs are handed on after two seconds instead of ten. And an
alarm that is not shown counts as deleted after one second instead of a minute: the trial shows it at once."""


def main(path: str) -> None:
    """Load everything, then fork until whoever started us ends."""
    die_with_parent(signal.SIGKILL, os.getppid())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    _load()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            parent = os.getpid()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                die_with_parent(signal.SIGKILL, parent)
                listener.close()
                _be(connection)
            connection.close()


def _load() -> None:
    import asyncssh  # noqa: F401  each fork that replaces a key would import it again
    import django
    from botocore.loaders import JSONFileLoader

    # The descriptions of EC2's calls are large; each fork would read them again.
    read = functools.cache(lambda file: JSONFileLoader._load_uncached(JSONFileLoader(), file))
    JSONFileLoader._load_uncached = JSONFileLoader.load_file
    JSONFileLoader.load_file = lambda self, file: read(file)
    django.setup()
    from ondol import worker
    from ondol.accounts import tasks  # noqa: F401
    from ondol.reconciler import alarms
    from ondol.reconciler import tasks as _  # noqa: F401
    from tests.crashes import asks  # noqa: F401

    for name, seconds in HASTE.items():
        assert hasattr(worker, name)
        setattr(worker, name, seconds)
    alarms.SHOWN_AFTER = timedelta(seconds=1)
    _warm_up_boto()
    gc.collect()
    gc.freeze()


def _warm_up_boto() -> None:
    from boto3.session import Session

    session = Session("x", "x", region_name="ap-northeast-2")
    for service in ("ec2", "cloudwatch", "ssm", "sts", "ec2-instance-connect"):
        session.client(service, endpoint_url="http://127.0.0.1:9")


def _be(connection: socket.socket) -> None:
    """Never returns."""
    code = 1
    try:
        wanted = json.loads(connection.makefile("rb").readline())
        _settle(wanted)
        connection.sendall(json.dumps({"pid": os.getpid()}).encode() + b"\n")
        code = _command(wanted["words"]) if "words" in wanted else _ask(connection, wanted)
    except BaseException:
        traceback.print_exc()
    finally:
        logging_flushed()
        os._exit(code)


def _settle(wanted: dict) -> None:
    """Become a process of its own: environment, log, chance, settings."""
    from django.db import connections

    from ondol.config import config
    from ondol.settings import _database

    os.environ.update(wanted["env"])
    log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    random.seed()
    config.cache_clear()
    connections.settings["default"].update(_database(config().database_url))


def _command(words: list[str]) -> int:
    from ondol.commands import _django
    from ondol.commands import main as ondol
    from ondol.worker import work

    if words != ["worker"]:
        return ondol(words)
    # As `ondol worker`, but without the check-up at its start, dozens of calls that change nothing; and one whose
    # PostgreSQL is gone ends, and is started again: executing its program again would make a nursery of it.
    _django.set_up()
    return work(20, lambda: os._exit(0))


def _ask(connection: socket.socket, wanted: dict) -> int:
    from tests.crashes import asks

    answer = getattr(asks, wanted["ask"])(*wanted["about"])
    connection.sendall(json.dumps(answer).encode() + b"\n")
    return 0


def logging_flushed() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).absolute().parents[2]))
    main(sys.argv[1])
