"""`sudo`, `poweroff`, `shutdown`, `halt` and `reboot` inside a sandbox: there is no root, but it can be switched off.

The programs write one word into a FIFO that the cloud reads. A sandbox cannot tell the cloud anything else.
"""

import os
from pathlib import Path

WORDS = {"poweroff", "reboot"}

_SWITCH = """\
#!/bin/sh
# In this trial cloud: tells it to switch this machine off, or off and on.
case " $* " in *" -c "*) exit 0 ;; esac
word={word}
case " $* " in *" -r "* | *" --reboot "*) word=reboot ;; esac
echo "$word" > "{fifo}"
"""

_SUDO = """\
#!/bin/sh
# A machine on EC2 gives its owner root; a sandbox in a trial cloud does not.
while [ $# -gt 0 ]; do
    case "$1" in
        -u | -g | -p | -C | -D | -h | -R | -r | -T | -t | -U) shift; [ $# -gt 0 ] && shift ;;
        -*) shift ;;
        *) break ;;
    esac
done
case "${{1##*/}}" in
    poweroff | shutdown | halt | reboot) name="${{1##*/}}"; shift; exec "{folder}/$name" "$@" ;;
    systemctl) case "$2" in poweroff | halt | reboot) exec "{folder}/$2" ;; esac ;;
esac
echo "sudo: this trial machine has no root (a real one on EC2 has)" >&2
exit 1
"""


def install(folder: Path, seen_as: str) -> Path:
    """Write the programs and the FIFO into `folder`, which the sandbox sees as `seen_as`; return the FIFO."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    fifo = folder / "switch"
    if not fifo.exists():
        os.mkfifo(fifo)
    fifo.chmod(0o622)
    programs = {name: _SWITCH.format(word="poweroff", fifo=f"{seen_as}/switch") for name in ("poweroff", "halt")}
    programs["shutdown"] = programs["poweroff"]
    programs["reboot"] = _SWITCH.format(word="reboot", fifo=f"{seen_as}/switch")
    programs["sudo"] = _SUDO.format(folder=seen_as)
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return fifo


def read(descriptor: int) -> str:
    """Return a word that somebody has written, or nothing."""
    try:
        words = os.read(descriptor, 4096).decode(errors="replace").split()
    except BlockingIOError:
        return ""
    return next((word for word in words if word in WORDS), "")
