"""What a machine says about its operating system: Ubuntu 24.04, as its image does, whatever this computer has."""

import os
from pathlib import Path

VERSION = "24.04"

_OS_RELEASE = """\
PRETTY_NAME="Ubuntu 24.04 LTS"
NAME="Ubuntu"
VERSION_ID="24.04"
VERSION="24.04 LTS (Noble Numbat)"
VERSION_CODENAME=noble
ID=ubuntu
ID_LIKE=debian
HOME_URL="https://www.ubuntu.com/"
SUPPORT_URL="https://help.ubuntu.com/"
BUG_REPORT_URL="https://bugs.launchpad.net/ubuntu/"
PRIVACY_POLICY_URL="https://www.ubuntu.com/legal/terms-and-policies/privacy-policy"
UBUNTU_CODENAME=noble
LOGO=ubuntu-logo
"""

_LSB_RELEASE = """\
DISTRIB_ID=Ubuntu
DISTRIB_RELEASE=24.04
DISTRIB_CODENAME=noble
DISTRIB_DESCRIPTION="Ubuntu 24.04 LTS"
"""

_ISSUE = "Ubuntu 24.04 LTS \\n \\l\n\n"

#: files of a sandbox's etc/, mounted over the computer's own of the same name
FILES = {"os-release": _OS_RELEASE, "lsb-release": _LSB_RELEASE, "issue": _ISSUE}

_PROGRAM = """\
#!/bin/sh
# As Ubuntu's own, for its usual options, one letter each or together.
long='s/--id/-i/; s/--description/-d/; s/--release/-r/; s/--codename/-c/; s/--short/-s/; s/--all/-a/'
words=$(printf '%s' "$*" | sed "$long")
case "$words" in "" | -s | *a*) words="$words idrc" ;; esac
say() { case "$words" in *s*) echo "$2" ;; *) printf '%s:\\t%s\\n' "$1" "$2" ;; esac; }
case "$words" in *i*) say "Distributor ID" Ubuntu ;; esac
case "$words" in *d*) say Description "Ubuntu 24.04 LTS" ;; esac
case "$words" in *r*) say Release 24.04 ;; esac
case "$words" in *c*) say Codename noble ;; esac
"""


def install(etc: Path, tools: Path) -> None:
    """Write the files and the program `lsb_release` of one sandbox."""
    for name, text in FILES.items():
        (etc / name).write_text(text)
        (etc / name).chmod(0o644)
    (tools / "lsb_release").write_text(_PROGRAM)
    (tools / "lsb_release").chmod(0o755)


def greeting() -> str:
    """Return what a login shows first."""
    kernel = os.uname()
    return (
        f"Welcome to Ubuntu {VERSION} LTS (GNU/Linux {kernel.release} {kernel.machine})\r\n\r\n"
        " * This is a machine in a trial cloud. Its programs, processors and memory are those of the computer that\r\n"
        "   runs the trial.\r\n"
        "\r\n"
    )
