"""The disk of a machine: a home folder as Ubuntu makes it, a /tmp, and the user list that it sees."""

import contextlib
import os
import re
import shutil
from pathlib import Path

from localcloud.sandboxes import power, ubuntu
from localcloud.sandboxes.plan import INSIDE_HOME, USER, Plan, shell

_PROFILE = """\
# Read by login shells, as on Ubuntu.
if [ -n "$BASH_VERSION" ] && [ -f "$HOME/.bashrc" ]; then . "$HOME/.bashrc"; fi
if [ -d "$HOME/bin" ]; then PATH="$HOME/bin:$PATH"; fi
if [ -d "$HOME/.local/bin" ]; then PATH="$HOME/.local/bin:$PATH"; fi
"""

_BASHRC = """\
case $- in *i*) ;; *) return ;; esac
HISTCONTROL=ignoreboth
HISTSIZE=1000
shopt -s checkwinsize
PS1='\\[\\033[01;32m\\]ubuntu@{hostname}\\[\\033[00m\\]:\\[\\033[01;34m\\]\\w\\[\\033[00m\\]\\$ '
if [ -x /usr/bin/dircolors ]; then eval "$(dircolors -b)"; alias ls='ls --color=auto'; fi
alias ll='ls -alF'
"""


def make(plan: Plan, public_key: str) -> None:
    """Create the folders at the first start. What a person has changed since is kept."""
    fresh = not plan.home.exists()
    for folder, mode in ((plan.home, 0o750), (plan.tmp, 0o1777), (plan.etc, 0o755)):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
    power.install(plan.tools, plan.tools_as_seen_inside)
    ubuntu.install(plan.etc, plan.tools)
    if plan.uid is not None:
        _write_user_list(plan, plan.uid)
    if fresh:
        _furnish(plan, public_key)
        _give_away(plan)
    if plan.uid is not None:
        os.chown(plan.home, plan.uid, plan.uid)


def _furnish(plan: Plan, public_key: str) -> None:
    (plan.home / ".profile").write_text(_PROFILE)
    (plan.home / ".bashrc").write_text(_BASHRC.replace("{hostname}", plan.hostname))
    (plan.home / ".ssh").mkdir(mode=0o700)
    keys = plan.home / ".ssh" / "authorized_keys"
    keys.write_text(f"{public_key.strip()}\n" if public_key else "")
    keys.chmod(0o600)


def _give_away(plan: Plan) -> None:
    if plan.uid is None:
        return
    for folder, _, files in os.walk(plan.home):
        for name in (".", *files):
            os.chown(Path(folder) / name, plan.uid, plan.uid, follow_symlinks=False)


def _write_user_list(plan: Plan, uid: int) -> None:
    """Write the host's users, except that this sandbox's uid is `ubuntu` and nobody else has that name."""
    ours = f"{USER}:x:{uid}:{uid}:Ubuntu:{INSIDE_HOME}:{shell()}"
    _replace(Path("/etc/passwd"), plan.etc / "passwd", ours, uid)
    _replace(Path("/etc/group"), plan.etc / "group", f"{USER}:x:{uid}:", uid)


def _replace(source: Path, target: Path, ours: str, number: int) -> None:
    lines = source.read_text(errors="surrogateescape").splitlines() if source.exists() else []
    taken = re.compile(rf"{USER}:|[^:]*:[^:]*:{number}:")
    kept = [line for line in lines if not taken.match(line)]
    target.write_text("\n".join([*kept, ours]) + "\n", errors="surrogateescape")
    target.chmod(0o644)


def empty_tmp(plan: Plan) -> None:
    """Empty /tmp, which does not survive a stop."""
    shutil.rmtree(plan.tmp, ignore_errors=True)


def set_aside(plan: Plan) -> Path | None:
    """Rename the folder, so that it disappears at once; `sweep` deletes it later, which may take long."""
    folder = Path(plan.folder)
    if not folder.exists():
        return None
    aside = folder.with_name(f".removed-{folder.name}")
    folder.rename(aside)
    return aside


def sweep(root: Path) -> None:
    """Delete folders of terminated machines. Some may be read-only, from archives that people have unpacked."""
    for aside in root.glob(".removed-*"):
        if os.geteuid() != 0:
            for folder, _, _ in os.walk(aside):
                with contextlib.suppress(OSError):
                    Path(folder).chmod(0o700)
        shutil.rmtree(aside, ignore_errors=True)
