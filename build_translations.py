"""Hatch build hook: compile the gettext catalogues, so that no binary is kept in the repository."""

import os
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def compile_catalogues(root: Path) -> list[Path]:
    """Write a `.mo` beside each `.po` below `root`; returns those written.

    Each is there whole or not at all: an Ondol that starts in this checkout just then would end over half of it.
    """
    written = []
    for po in sorted(root.glob("ondol/**/LC_MESSAGES/*.po")):
        mo = po.with_suffix(".mo")
        draft = mo.with_name(f".{mo.name}.{os.getpid()}")
        with po.open("rb") as source, draft.open("wb") as target:
            write_mo(target, read_po(source))
        draft.replace(mo)
        written.append(mo)
    return written


class TranslationsHook(BuildHookInterface[Any]):
    """Runs for wheels, source distributions and editable installs alike."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        build_data["artifacts"] += [str(mo.relative_to(root)) for mo in compile_catalogues(root)]


if __name__ == "__main__":
    compile_catalogues(Path(__file__).parent)
