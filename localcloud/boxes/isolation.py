"""How far can boxes be kept apart on this computer? Found out once, at start."""

import os
from dataclasses import dataclass

from localcloud.boxes.entering import first_uid, namespaces_work


@dataclass(frozen=True)
class Isolation:
    first_uid: int | None  # None: not root, so every box runs as the person who started the cloud
    namespaces: bool

    def describe(self) -> str:
        if self.first_uid is None:
            return "boxes run as you: whoever has a machine's key can do what you can"
        if not self.namespaces:
            return "boxes have a user each, but no namespaces here: HOME is not /home/ubuntu, and the user has no name"
        return "boxes have a user and a mount namespace each"


def find_isolation(marker: str) -> Isolation:
    if os.geteuid() != 0:
        return Isolation(None, namespaces=False)
    return Isolation(first_uid(marker), namespaces_work())
