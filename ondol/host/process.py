"""Starting processes that do not outlive us."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform.startswith("linux") else None
"""The function is looked up here: between fork and exec another thread may have held the loader's lock."""


def die_with_parent(how: signal.Signals, parent: int) -> None:
    """Ask Linux to send us `how` when our parent dies, whose process id is `parent`; elsewhere this does nothing.

    The kernel means the *thread* that forked us, and forgets it at a change of user id: call it after that, in a
    process that a main thread has started. prctl(2), PR_SET_PDEATHSIG.
    """
    if _prctl is None:
        return
    _prctl(_PR_SET_PDEATHSIG, int(how), 0, 0, 0)
    if os.getppid() != parent:  # it died before the call
        os.kill(os.getpid(), how)
