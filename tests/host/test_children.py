"""The processes of `ondol up`: their output, their restarts, their end."""

import logging
import os
import stat
import subprocess
import sys
import time

import pytest

from ondol.host import children
from ondol.host.children import Child
from ondol.host.terminal import Terminal
from tests.journey.site import alive, until

SHELL = ["/bin/sh", "-c"]


@pytest.fixture
def child(tmp_path):
    """Return a function that makes a part from a line of shell; `child.told` is what came to the terminal."""
    made = []

    def make(script, **env):
        part = Child(
            f"part{len(made)}", [*SHELL, script], {**os.environ, **env}, tmp_path / "logs", lambda text: told(text)
        )
        part.told = []
        told = part.told.append
        made.append(part)
        return part

    yield make
    for part in made:
        part.stop()
        part.join(0)
        for handler in logging.getLogger(f"ondol.up.{part.name}").handlers[:]:
            handler.close()


def output(part, tmp_path):
    return (tmp_path / "logs" / f"{part.name}.log").read_text()


def test_its_output_goes_to_the_terminal_with_its_name_and_to_a_private_file(child, tmp_path):
    part = child("echo 따뜻하다; echo oops >&2")
    part.start()
    until(lambda: len(part.told) == 2, 5, "both lines")
    assert part.told == ["   part0 | 따뜻하다", "   part0 | oops"]
    assert output(part, tmp_path) == "따뜻하다\noops\n"
    assert stat.S_IMODE((tmp_path / "logs/part0.log").stat().st_mode) == 0o600


def test_a_flood_stays_bounded_on_disk_and_in_memory(child, tmp_path, monkeypatch):
    monkeypatch.setattr(children, "LOG_BYTES", 100_000)
    part = child("head -c 1000000 /dev/zero | tr '\\0' x; yes flood | head -n 50000; echo end")
    part.start()
    until(lambda: part.told and part.told[-1].endswith("end"), 20, "the end of the flood")
    assert max(map(len, part.told)) <= children.LINE_BYTES + 20
    logs = list((tmp_path / "logs").iterdir())
    assert sorted(file.name for file in logs) == ["part0.log", "part0.log.1"]
    assert sum(file.stat().st_size for file in logs) < 300_000
    assert {stat.S_IMODE(file.stat().st_mode) for file in logs} == {0o600}


def test_what_ends_is_started_again_a_little_later_each_time(child, monkeypatch):
    monkeypatch.setattr(children, "RESTART_AFTER", (0.05, 0.3))
    part = child("echo run; exit 0")
    part.start()
    end = time.monotonic() + 1.2
    while time.monotonic() < end:
        part.keep_running()
        time.sleep(0.01)
    runs = sum(line.endswith("| run") for line in part.told)
    assert 3 <= runs <= 6, part.told
    assert any("ended with code 0; starting again in 0.05 s" in line for line in part.told)


def test_what_cannot_be_started_is_said_and_tried_again(child, monkeypatch):
    monkeypatch.setattr(children, "RESTART_AFTER", (0.0,))
    part = child("exit 0")
    part.start()
    until(lambda: not part.is_running, 5, "it ends")
    part.words = ["/nonexistent/program"]
    part.keep_running()
    part.keep_running()
    assert "cannot be started (No such file or directory)" in part.told[-1]


def test_what_a_killed_part_has_left_behind_goes_before_it_starts_again(child, tmp_path, monkeypatch):
    monkeypatch.setattr(children, "RESTART_AFTER", (0.0,))
    part = child("sleep 600 & echo $!; wait")
    part.start()
    until(lambda: part.told, 5, "the sleeper's pid")
    sleeper = int(part.told[0].split()[-1])
    part.process.kill()
    until(lambda: not part.is_running, 5, "it ends")
    part.keep_running()
    part.keep_running()
    until(lambda: not alive([sleeper]), 5, "the sleeper has gone")
    assert part.is_running


def test_what_does_not_end_in_time_is_killed_with_all_it_started(child):
    part = child("trap '' TERM; sleep 600 & echo $!; while :; do wait; done")
    part.start()
    until(lambda: part.told, 5, "the sleeper's pid")
    part.stop()
    part.join(0.2)
    assert not part.is_running
    until(lambda: not alive([int(part.told[0].split()[-1])]), 5, "the sleeper has gone")
    assert "is killed; nothing is lost" in part.told[-1]


def test_its_last_words_are_why_it_ended(child):
    part = child("echo 'ondol: AWS_REGION=mars: no such Region.' >&2; exit 1")
    part.start()
    until(lambda: not part.is_running, 5, "it ends")
    assert part.last_words() == "The part `part0` ended at its start: AWS_REGION=mars: no such Region."


@pytest.mark.slow
def test_a_killed_supervisor_takes_its_parts_along(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from ondol.host.children import Child\n"
        "part = Child('part', ['sleep', '600'], {}, Path(sys.argv[1]), print); part.start()\n"
        "print(part.process.pid, flush=True); time.sleep(600)"
    )
    words = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as supervisor:
        part = int(supervisor.stdout.readline())
        assert alive([part])
        supervisor.kill()
    until(lambda: not alive([part]), 5, "the part has gone")


def test_a_terminal_that_takes_nothing_is_not_waited_for():
    read, write = os.pipe()
    os.set_blocking(write, True)
    terminal = Terminal()
    began = time.monotonic()
    for _ in range(5000):
        terminal.tell("x" * 1000, where=write)
    terminal.flush(0.1)
    assert time.monotonic() - began < 3
    os.close(read)  # the writer is let go by EPIPE
    terminal.flush(5)
    os.close(write)
