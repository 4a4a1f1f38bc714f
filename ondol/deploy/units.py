"""systemd's units: the files beside this one, filled in for other paths, and written without losing edits."""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path

ONE = ("ondol.service",)
SEVERAL = ("ondol-migrate.service", "ondol-web.service", "ondol-worker.service")
HOME = Path("/var/lib/ondol")
USER = "ondol"
PROGRAM = Path("/opt/ondol/.venv/bin/ondol")
ENV_FILE = Path("/etc/ondol.env")
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108  a list of what they do not see
"""The folders that the units do not see: ProtectHome=yes, PrivateTmp=yes."""
_SIGNED = re.compile(r"# Written by `ondol install` \(([0-9a-f]{16})\)[^\n]*\n(.*)", re.DOTALL)


class State(StrEnum):
    """What there is at the path of a unit."""

    MISSING = "missing"
    CURRENT = "current"
    OLDER = "older"
    EDITED = "edited"


@dataclass(frozen=True)
class Plan:
    """What has to be done for one unit."""

    file: Path
    text: str
    state: State

    def carry_out(self, *, replaces: bool) -> str:
        """Write the unit if that loses nothing, or with a copy of what somebody edited; return what was done."""
        if self.state is State.EDITED and replaces:
            self._copy().write_bytes(self.file.read_bytes())
        if self.state in (State.MISSING, State.OLDER) or (self.state is State.EDITED and replaces):
            draft = self.file.with_name(f".{self.file.name}.new")
            draft.write_text(self.text)
            draft.chmod(0o644)
            draft.replace(self.file)
        return self.sentence(replaces=replaces)

    def sentence(self, *, replaces: bool) -> str:
        """Return a sentence about what has to be done."""
        if self.state is State.EDITED and replaces:
            return f"{self.file}: replace, and keep what was edited as {self._copy().name}"
        return (
            f"{self.file}: "
            + {
                State.MISSING: "write",
                State.CURRENT: "nothing to do",
                State.OLDER: "replace; it is of another version, and nobody has edited it",
                State.EDITED: (
                    "LEAVE: somebody has edited it. Move these changes to "
                    f"`systemctl edit {self.file.name}`, and use --replace"
                ),
            }[self.state]
        )

    def _copy(self) -> Path:
        return self.file.with_name(f"{self.file.name}.edited-{_sum(self.file.read_bytes())[:8]}")


def filled_in(name: str, *, program: Path = PROGRAM, user: str = USER, env_file: Path = ENV_FILE) -> str:
    """Return the text of a unit for these places, with a first line that says who wrote it."""
    text = (files("ondol.deploy") / name).read_text("utf-8")
    text = text.replace(str(PROGRAM), str(program)).replace(f"User={USER}\n", f"User={user}\n")
    text = text.replace(f"ONDOL_ENV_FILE={ENV_FILE}", f"ONDOL_ENV_FILE={env_file}")
    return f"# Written by `ondol install` ({_sum(text)}): changes of yours belong in `systemctl edit {name}`.\n{text}"


def plan(file: Path, text: str) -> Plan:
    """Return what has to be done so that `file` has this text."""
    try:
        present = file.read_bytes().decode("utf-8", "replace")  # line ends and all
    except FileNotFoundError:
        return Plan(file, text, State.MISSING)
    if present == text:
        return Plan(file, text, State.CURRENT)
    signed = _SIGNED.fullmatch(present)
    is_ours = signed is not None and signed[1] == _sum(signed[2])
    return Plan(file, text, State.OLDER if is_ours else State.EDITED)


def hidden_from(path: Path) -> str:
    """Return why a process under these units cannot reach a path; empty if it can."""
    path = path.absolute()
    for hidden in HIDDEN:
        if path.is_relative_to(hidden):
            return f"the units do not see {hidden}"
    for folder in path.parents:
        if folder.exists() and not folder.stat().st_mode & 0o001:
            return f"only its owner may enter {folder}"
    return ""


def _sum(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:16]
