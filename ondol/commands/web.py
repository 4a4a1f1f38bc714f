"""`ondol web`: pages and API. Any number may run, on any hosts."""

import argparse
import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from ondol.commands import CommandError, _django
from ondol.commands.up import hold_port
from ondol.config import config
from ondol.database.base import limit_waiting
from ondol.host.capacity import web_processes
from ondol.host.gateway import SERVER

ANSWER_WITHIN = 10.0
"""The seconds that PostgreSQL may take for one statement at the start."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol web`."""
    parser.add_argument("--host", help="default: ONDOL_HOST")
    parser.add_argument("--port", type=int, help="default: ONDOL_PORT")
    parser.add_argument("--port-is-held", action="store_true", help=argparse.SUPPRESS)  # by `ondol up`


def run(options: argparse.Namespace) -> None:
    """Replace this process by the server: processes that serve, and one that watches them."""
    for name, value in (("ONDOL_HOST", options.host), ("ONDOL_PORT", options.port)):
        if value is not None:
            os.environ[name] = str(value)
    os.umask(0o077)  # e-mails with links to sign in: nobody else may read them
    config().require_reachable_pages()
    config().require_one_process_for_metrics()
    config().require_real_time()
    _django.borrow_from_home()
    _django.leave_owner()
    if not options.port_is_held:
        os.set_inheritable(hold_port(config()).detach(), True)  # for as long as the server's first process lives
    _django.load_code()
    limit_waiting(ANSWER_WITHIN)
    if not _django.is_away():  # if it is away, pages say so, and `/healthz` reports once it is back
        _django.refuse_wrong_database()
    collect_static()
    os.environ["ONDOL_DIE_WITH_PARENT"] = "1"
    where = ["--host", config().host, "--port", str(config().port)]
    log = ["--log-config", str(Path(__file__).parents[1] / "granian_logging.json"), "--log-level", "warning"]
    words = [
        *SERVER,
        "--workers",
        str(web_processes(config())),
        *where,
        *log,
        "--respawn-failed-workers",
        "ondol.asgi:application",
    ]
    os.execv(sys.executable, [sys.executable, "-m", "granian", *words])  # noqa: S606  our own program


def collect_static() -> None:
    """Collect styles and scripts, versioned and compressed, into ONDOL_HOME/static, if something has changed."""
    root = config().home / "static"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (root.parent / "static.lock").open("w") as lock:  # two webs may start at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        _collect_into(root)


def _collect_into(root: Path) -> None:
    stamp, now = root / ".made-from", _fingerprint()
    if stamp.exists() and stamp.read_text() == now:
        return
    words = [sys.executable, "-m", "ondol", "manage", "collectstatic", "--noinput", "--clear", "-v", "0"]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        raise CommandError(f"Styles and scripts cannot be put into {root}: {done.stderr.strip()[-300:]}")
    stamp.write_text(now)


def _fingerprint() -> str:
    """Return the fingerprint of all static files: ours, those of the packages, and how styles are joined."""
    import allauth  # noqa: PLC0415
    import django_htmx  # noqa: PLC0415

    from ondol.web import styles  # noqa: PLC0415

    digest = hashlib.sha256(Path(styles.__file__).read_bytes())
    folders = [Path(__file__).parents[1] / "web" / "static"]
    folders += [Path(module.__file__ or "").parent for module in (allauth, django_htmx)]
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file.suffix in {".css", ".js", ".svg", ".png", ".ico", ".webmanifest"}:
                state = file.stat()
                digest.update(f"{file} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()
