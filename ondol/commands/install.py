"""`ondol install`: systemd's units for this installation. It shows what there is to do, and does it with --apply."""

import argparse
import os
import pwd
import re
import shutil
import subprocess
import sys
from pathlib import Path

import ondol
from ondol.commands import CommandError
from ondol.deploy import units

_SETTINGS = """\
# Settings of Ondol, one NAME=VALUE on a line. docs/settings.md lists them all.
# A line that cannot be understood ends the start, with its number.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol install`."""
    parser.add_argument("--apply", action="store_true", help="do it, as root, instead of showing what there is to do")
    parser.add_argument("--several", action="store_true", help="web, worker and migrate, each a unit of its own")
    parser.add_argument("--user", default=units.USER, help=f"who runs Ondol; added if missing ({units.USER})")
    parser.add_argument("--env-file", type=Path, default=units.ENV_FILE, help=f"the settings ({units.ENV_FILE})")
    parser.add_argument(
        "--units", type=Path, default=Path("/etc/systemd/system"), help="where units belong (/etc/systemd/system)"
    )
    parser.add_argument("--replace", action="store_true", help="also replace an edited unit; a copy of it is kept")


def run(options: argparse.Namespace) -> int:
    """Show or do what is missing; return 1 if an edited unit is left as it is."""
    _check(options)
    program = _program()
    _check_python()
    print("This is done:" if options.apply else "There is this to do; `--apply` does it:")
    _user(options)
    _env_file(options)
    plans = [
        units.plan(
            options.units / name,
            units.filled_in(name, program=program, user=options.user, env_file=options.env_file.absolute()),
        )
        for name in (units.SEVERAL if options.several else units.ONE)
    ]
    for plan in plans:
        act = plan.carry_out if options.apply else plan.sentence
        print(f"  {act(replaces=options.replace)}")
    print(_what_follows(options, program))
    return int(any(plan.state is units.State.EDITED for plan in plans) and not options.replace)


def _program() -> Path:
    """Return the `ondol` of this installation. Raises CommandError if no unit could run it."""
    program = Path(sys.prefix) / "bin" / "ondol"
    if not program.exists():
        raise CommandError(f"There is no {program}. Install Ondol into a virtual environment, and use its `ondol`.")
    for path in (program, Path(ondol.__file__)):
        if why := units.hidden_from(path):
            raise CommandError(f"{path} cannot be run by systemd's units: {why}. Install Ondol below /opt/ondol.")
    return program


def _check_python() -> None:
    """Raise CommandError if the units could not run the Python that the virtual environment was made with."""
    base = Path(sys.base_prefix)
    for path in (Path(sys.executable).resolve(), base / "lib", (base / "lib").resolve()):
        if why := units.hidden_from(path):
            raise CommandError(
                f"The Python of this virtual environment needs {path}, and systemd's units cannot reach that: {why}. "
                "Make the virtual environment with /usr/bin/python3."
            )


def _check(options: argparse.Namespace) -> None:
    """Raise CommandError, before anything is changed, if a step could not be done."""
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,30}", options.user) or options.user == "root":
        raise CommandError(f"--user {options.user}: name a user other than root, in small letters.")
    if re.search(r"[\s%\"'\\]", str(options.env_file)):
        raise CommandError(f"--env-file {options.env_file}: use a path without spaces, quotes and %.")
    if why := units.hidden_from(options.env_file):
        raise CommandError(f"--env-file {options.env_file}: {why}. Put it into /etc.")
    if not options.units.is_dir():
        raise CommandError(f"--units {options.units}: there is no such folder. Is this a host with systemd?")
    if options.apply and os.geteuid() != 0:
        raise CommandError("--apply adds a user and writes to folders of the system. Run it as root.")


def _user(options: argparse.Namespace) -> None:
    if _uid(options.user) is not None:
        return
    print(f"  user {options.user}: add, without a password")
    if options.apply:
        nologin = shutil.which("nologin", path="/usr/sbin:/sbin") or "/bin/false"
        words = ["useradd", "--system", "--home-dir", str(units.HOME), "--shell", nologin, options.user]
        done = subprocess.run(words, check=False, capture_output=True, text=True)
        if done.returncode:
            raise CommandError(f"The user {options.user} cannot be added: {done.stderr.strip()}")


def _env_file(options: argparse.Namespace) -> None:
    """Write a settings file if there is none, and report one that the user could not read."""
    file, uid = options.env_file, _uid(options.user)
    if not file.exists():
        print(f"  {file}: write, with no settings yet, for {options.user} alone")
        if options.apply and uid is not None:
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as target:
                os.fchown(handle, uid, -1)
                target.write(_SETTINGS)
    elif file.stat().st_uid != uid or file.stat().st_mode & 0o077:
        print(f"  {file}: LEAVE. It has secrets; do `chown {options.user} {file}; chmod 600 {file}`")


def _uid(user: str) -> int | None:
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return None


def _what_follows(options: argparse.Namespace, program: Path) -> str:
    env = f"ONDOL_HOME={units.HOME} ONDOL_ENV_FILE={options.env_file.absolute()}"
    names = "ondol-worker ondol-web" if options.several else "ondol"
    lines = [f"$EDITOR {options.env_file}", "systemctl daemon-reload"]
    lines += ["systemctl start ondol-migrate   # on one host of all"] if options.several else []
    lines += [f"systemctl enable {names}", f"systemctl restart {names}"]
    lines += [f"sudo -u {options.user} env {env} {program} doctor"]
    return "\n".join(["Then:", *(f"  {line}" for line in lines)])
