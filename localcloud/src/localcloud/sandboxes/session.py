"""One session of an SSH connection: a shell, a command or sftp, and the bytes between its process and the client."""

import asyncio
import contextlib
import fcntl
import logging
import os
import re
import signal
import struct
import termios
from typing import Any

import asyncssh

from localcloud.sandboxes import ubuntu
from localcloud.sandboxes.conversation import Conversation
from localcloud.sandboxes.plan import Command, Plan

log = logging.getLogger(__name__)

signal_numbers = {one.name: one.value for one in signal.Signals}

_CHUNK = 64 * 1024
_FROM_CLIENT = re.compile(r"LANG|LC_[A-Z]+|COLORTERM|GIT_(AUTHOR|COMMITTER)_(NAME|EMAIL)")


class Session(asyncssh.SSHServerSession[bytes]):
    def __init__(self, plan: Plan, supervisor: Conversation, connection: dict[str, str]) -> None:
        self.plan = plan
        self.supervisor = supervisor
        self.connection = connection
        self.line: str | None = None
        self.sftp = False
        self.terminal: tuple[str, tuple[int, int, int, int]] | None = None
        self.job = ""
        self.status: int | None = None
        self.input = -1
        self.outputs: dict[int, int | None] = {}  # descriptor → SSH data type
        self.waiting = b""  # input that the process has not read yet
        self.no_more_input = False
        self.paused = False  # the client cannot take more for now
        self.full = False  # the process cannot take more

    # -- what the client asks for ----------------------------------------------------------------------------------

    def connection_made(self, chan: Any) -> None:
        self.chan = chan

    def pty_requested(self, term_type: str, term_size: tuple[int, int, int, int], term_modes: Any) -> bool:
        self.terminal = (term_type, term_size)
        return True

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str | bytes) -> bool:
        self.line = command.decode(errors="surrogateescape") if isinstance(command, bytes) else command
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        self.sftp = subsystem == "sftp"
        return self.sftp

    def session_started(self) -> None:
        try:
            self._start()
        except Exception:
            # asyncssh would close the connection without a word
            log.exception("a session on %s did not start", self.plan.sandbox)
            self.chan.exit(126)

    def _start(self) -> None:
        self.loop = asyncio.get_running_loop()
        theirs = self._open_terminal() if self.has_terminal else self._open_pipes()
        command = Command(self.plan, self.line, self.sftp, self.has_terminal, self._environment())
        try:
            self.job = self.supervisor.spawn(command, theirs, self._ended)
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        if self.has_terminal and self.line is None and not (self.plan.home / ".hushlogin").exists():
            self.chan.write(ubuntu.greeting().encode(), None)
        for descriptor in self.outputs:
            self.loop.add_reader(descriptor, self._read, descriptor)

    def _environment(self) -> dict[str, str]:
        environment = {k: v for k, v in self.chan.get_environment().items() if _FROM_CLIENT.fullmatch(k)}
        if self.terminal:
            environment["TERM"] = self.terminal[0]
        return {**environment, **self.connection}

    @property
    def has_terminal(self) -> bool:
        return self.terminal is not None and not self.sftp

    def _open_terminal(self) -> list[int]:
        ours, theirs = os.openpty()
        if self.plan.uid is not None:
            os.fchown(theirs, self.plan.uid, self.plan.uid)  # or tmux and `mesg` cannot open their own terminal
        self.connection["SSH_TTY"] = os.ttyname(theirs)
        self.input = ours
        self.outputs = {ours: None}
        os.set_blocking(ours, False)
        if self.terminal:
            self._resize(*self.terminal[1])
        return [theirs]

    def _open_pipes(self) -> list[int]:
        stdin, self.input = os.pipe2(os.O_CLOEXEC)
        out, stdout = os.pipe2(os.O_CLOEXEC)
        err, stderr = os.pipe2(os.O_CLOEXEC)
        self.outputs = {out: None, err: asyncssh.EXTENDED_DATA_STDERR}
        for descriptor in (self.input, out, err):
            os.set_blocking(descriptor, False)
        return [stdin, stdout, stderr]

    def _resize(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        if self.terminal and self.input >= 0:
            size = struct.pack("HHHH", height & 0xFFFF, width & 0xFFFF, pixwidth & 0xFFFF, pixheight & 0xFFFF)
            fcntl.ioctl(self.input, termios.TIOCSWINSZ, size)

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        self._resize(width, height, pixwidth, pixheight)

    def signal_received(self, signal: str) -> None:
        number = signal_numbers.get(f"SIG{signal}")
        if number:
            self.supervisor.signal(self.job, number)

    def break_received(self, msec: int) -> bool:
        return False

    # -- from the client to the process ----------------------------------------------------------------------------

    def data_received(self, data: bytes, datatype: Any) -> None:
        self.waiting += data
        self._write()

    def eof_received(self) -> bool:
        self.no_more_input = True
        self._write()
        return True  # the process may still have output

    def _write(self) -> None:
        """Write as much as fits; the rest, and the client, wait until the process reads."""
        if self.input < 0:
            self.waiting = b""
            return
        try:
            while self.waiting:
                self.waiting = self.waiting[os.write(self.input, self.waiting) :]
        except BlockingIOError:
            if not self.full:
                self.full = True
                self.chan.pause_reading()
                self.loop.add_writer(self.input, self._write)
            return
        except OSError:  # the process has closed its input, as `head` does
            self.waiting = b""
            self._close_input()
            return
        if self.full:
            self.full = False
            self.loop.remove_writer(self.input)
            self.chan.resume_reading()
        # Resuming may have brought more at once, and it may not have fitted.
        if self.no_more_input and not self.waiting:
            self._end_input()

    def _end_input(self) -> None:
        """Close the input. A terminal's end of file is Ctrl-D; `ssh -tt < file` relies on it."""
        if self.has_terminal:
            with contextlib.suppress(OSError):
                os.write(self.input, b"\4")
        else:
            self._close_input()

    def _close_input(self) -> None:
        if self.input >= 0:
            self.loop.remove_writer(self.input)
            if self.input not in self.outputs:
                os.close(self.input)
            self.input = -1

    # -- from the process to the client ----------------------------------------------------------------------------

    def _read(self, descriptor: int) -> None:
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return
        except OSError:  # EIO: a terminal that nobody holds any more
            data = b""
        if data:
            self.chan.write(data, self.outputs[descriptor])
        else:
            self._close_output(descriptor)
            self._finish()

    def _close_output(self, descriptor: int) -> None:
        self.loop.remove_reader(descriptor)
        del self.outputs[descriptor]
        if descriptor == self.input:
            self.loop.remove_writer(descriptor)
            self.input = -1
        os.close(descriptor)

    def pause_writing(self) -> None:
        self.paused = True
        for descriptor in self.outputs:
            self.loop.remove_reader(descriptor)

    def resume_writing(self) -> None:
        self.paused = False
        for descriptor in self.outputs:
            self.loop.add_reader(descriptor, self._read, descriptor)
        self._finish()

    # -- the end ---------------------------------------------------------------------------------------------------

    def _ended(self, status: int) -> None:
        self.status = status
        self._finish()

    def _finish(self) -> None:
        if self.status is None or self.paused or not self._has_said_all():
            return
        self._close_all()
        if os.WIFSIGNALED(self.status):
            number = os.WTERMSIG(self.status)
            self.chan.exit_with_signal(signal.Signals(number).name.removeprefix("SIG"), os.WCOREDUMP(self.status))
        else:
            self.chan.exit(os.WEXITSTATUS(self.status))

    def _has_said_all(self) -> bool:
        """Return whether all output was read.

        A command ends with its pipes, as in OpenSSH; a terminal with its shell.
        """
        if not self.has_terminal:
            return not self.outputs
        for descriptor in list(self.outputs):
            while not self.paused and self._more(descriptor):
                pass
        return not self.paused

    def _more(self, descriptor: int) -> bool:
        try:
            data = os.read(descriptor, _CHUNK)
        except OSError:
            return False
        self.chan.write(data, None)
        return bool(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the session: closing the terminal hangs up its processes; the others are signalled."""
        if self.job and self.status is None:
            self.supervisor.hang_up(self.job)
        self._close_all()

    def _close_all(self) -> None:
        if not hasattr(self, "loop"):
            return
        self._close_input()
        for descriptor in list(self.outputs):
            self._close_output(descriptor)
