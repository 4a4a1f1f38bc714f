"""Import asyncssh without its support for security keys plugged into this computer: a fifth of the time to start.

It imports fido2 if that is installed, as it is with Ondol, and works without it. A server does not need it: public keys
of security keys are verified without it.
"""

import sys

_FIDO2 = "fido2.client"
"""The first of fido2's modules that asyncssh imports."""


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
