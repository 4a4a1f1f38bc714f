"""Import asyncssh without its support of security keys that are plugged in here: a fifth of the time to start.

It imports fido2 wherever that is installed, as beside Ondol, and goes without it where it is not. A server needs it for
nothing: public keys of security keys are verified without.
"""

import sys

_FIDO2 = "fido2.client"
"""The first of its modules that asyncssh asks for."""


def import_asyncssh() -> None:
    """Import asyncssh. This must run before any other module imports it."""
    before = sys.modules.get(_FIDO2)
    sys.modules[_FIDO2] = None  # type: ignore[assignment]  # importing it fails, as if it were not installed
    try:
        import asyncssh  # noqa: F401, PLC0415
    finally:
        del sys.modules[_FIDO2]
        if before is not None:
            sys.modules[_FIDO2] = before
