"""The public keys that open a machine: those of the file `~/.ssh/authorized_keys` in its home folder."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import asyncssh

LARGEST = 1 << 20
#: the file and its folders are closed to other people's writing, as sshd's StrictModes wants it
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def authorized(home: Path) -> asyncssh.SSHAuthorizedKeys:
    """Return the lines that can be read, with their options; none if the file is missing, or open to others."""
    keys = asyncssh.SSHAuthorizedKeys()
    for line in _text(home).splitlines():
        with contextlib.suppress(ValueError):  # one bad line does not shut out the others
            keys.load(line)
    return keys


def _text(home: Path) -> str:
    """Return the file's text. The person inside may have put anything in its place, so no link is followed."""
    with contextlib.suppress(OSError), _opened(home) as file:
        found = os.fstat(file)
        if stat.S_ISREG(found.st_mode) and not found.st_mode & _WRITABLE_BY_OTHERS:
            return os.read(file, LARGEST).decode(errors="replace")
    return ""


@contextlib.contextmanager
def _opened(home: Path) -> Iterator[int]:
    folder = os.open(home / ".ssh", _FOLDER)
    try:
        # Without waiting: a FIFO would hold up every machine.
        file = os.open("authorized_keys", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            if os.fstat(folder).st_mode & _WRITABLE_BY_OTHERS:
                raise OSError
            yield file
        finally:
            os.close(file)
    finally:
        os.close(folder)
