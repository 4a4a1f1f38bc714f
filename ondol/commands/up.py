"""`ondol up`: one process tree on one host. Ctrl-C or SIGTERM stops it; the next one carries on with the same data."""

import argparse
import os
import signal
import socket
from pathlib import Path
from types import FrameType

from ondol.commands import CommandError
from ondol.config import Config, config
from ondol.host import extras, port
from ondol.host.environments import forget_libpq
from ondol.host.home import HomeError, lock
from ondol.host.postgres import PostgresError
from ondol.host.tree import Tree, TreeError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol up`."""
    parser.add_argument("--host", help="address to listen on (ONDOL_HOST, 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (ONDOL_PORT, 8000)")
    parser.add_argument("--home", type=Path, help="folder for everything Ondol keeps (ONDOL_HOME, ~/.ondol)")
    parser.add_argument("--speed", type=_speed, help="the trial's clock runs so many times as fast (1 to 600)")
    parser.add_argument(
        "--accept-keys", action="store_true", help="make the keys in home and settings the deployment's"
    )


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1 <= speed <= 600:
        raise argparse.ArgumentTypeError(f"{text}: use a number from 1 to 600")
    return speed


def run(options: argparse.Namespace) -> int:
    """Run until a signal ends it."""
    settings = _settings(options)
    if options.speed and settings.cloud == "aws":
        raise CommandError("--speed is for the trial cloud; Amazon's clock cannot be made faster.")
    if settings.cloud == "aws":
        settings.require_cloud()
    settings.require_reachable_pages()
    settings.require_real_time()
    check_extras(settings)
    try:
        held = lock(settings.home)
    except HomeError as error:
        raise CommandError(str(error)) from None
    held_port = hold_port(settings)
    if not settings.database_url:
        forget_libpq(os.environ)
    tree = Tree(settings, options.speed or 1.0, accept_keys=options.accept_keys)
    _stop_on_signals(tree)
    try:
        tree.start()
        tree.run()
    except (HomeError, PostgresError, TreeError) as error:
        if not tree.stop_requested:
            raise CommandError(str(error)) from None
    finally:
        tree.stop()
        held_port.close()
        os.close(held)
    return 0


def _stop_on_signals(tree: Tree) -> None:
    def stop(signum: int, frame: FrameType | None) -> None:
        tree.stop_requested = True

    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(signum) != signal.SIG_IGN:  # as nohup does
            signal.signal(signum, stop)


def _settings(options: argparse.Namespace) -> Config:
    """Return the settings. Options take precedence over the environment; child processes inherit both."""
    given = {"ONDOL_HOST": options.host, "ONDOL_PORT": options.port, "ONDOL_HOME": options.home}
    for name, value in given.items():
        if value is not None:
            os.environ[name] = str(value)
    config.cache_clear()
    if config().web_processes is None:  # the worker, the database and perhaps a cloud are on this host, too
        os.environ["ONDOL_WEB_PROCESSES"] = "1"
        config.cache_clear()
    return config()


def check_extras(settings: Config) -> None:
    """Raise CommandError if an optional part that these settings ask for is not installed."""
    if settings.cloud == "local" and not extras.has_trial_cloud():
        raise CommandError(extras.NO_TRIAL_CLOUD)
    if not settings.database_url and not extras.has_postgres():
        raise CommandError(extras.NO_POSTGRES)


def hold_port(settings: Config) -> socket.socket:
    """Take the port of the pages, before anything is started. Raises CommandError if it is taken."""
    try:
        return port.hold(settings.host, settings.port)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise CommandError(
            f"{where} cannot be listened on: {error.strerror}. Choose another --host or --port."
        ) from None
