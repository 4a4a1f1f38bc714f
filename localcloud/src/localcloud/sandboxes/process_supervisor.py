"""The supervisor: a small process that starts, counts and ends the processes in the sandboxes.

It is forked before there are threads, so it may fork safely, with the privileges to enter a sandbox. It adopts the
orphans of the sandboxes, so nothing escapes its count. When the cloud dies, even by kill -9, it ends them all and then
itself.
"""

import contextlib
import fcntl
import json
import os
import resource
import select
import signal
import socket
import termios
import time
from dataclasses import asdict, astuple
from typing import Any, NoReturn

from localcloud.sandboxes import linux, sftp
from localcloud.sandboxes.entering import UIDS, enter
from localcloud.sandboxes.limits import Limits, Watch
from localcloud.sandboxes.network import Network
from localcloud.sandboxes.networks import Networks
from localcloud.sandboxes.plan import Command, Plan, shell
from localcloud.sandboxes.processes import TICKS, Census, Stat, descendants, leftovers, read_disk, read_stat
from localcloud.sandboxes.traffic import Traffic
from localcloud.sandboxes.usage import Usage

LARGEST = 180_000  # bytes of one message; a command line may be long

MOST_DESCRIPTORS = 65_536
"""The limit of the supervisor: each machine with a network needs three. What runs in sandboxes has the usual limit."""

#: seconds between two checks of connections, and the share of its time that the supervisor may spend on them:
#: connections that open and close in between are not counted
BETWEEN_LOOKS, SHARE_OF_LOOKS = 1.0, 0.02


def start(marker: str, first_uid: int | None, limits: Limits) -> socket.socket:
    """Fork the supervisor; return our end of the connection. Call this before starting any thread."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * LARGEST)
    pid = os.fork()
    if pid:
        theirs.close()
        return ours
    # Among them is the lock of the home: a new cloud may start while we still clean up after the old one.
    os.closerange(3, theirs.fileno())
    os.closerange(theirs.fileno() + 1, MOST_DESCRIPTORS)
    try:
        ProcessSupervisor(theirs, marker, first_uid, limits).run()
    except BaseException as failure:
        os.write(2, f"the supervisor of the sandboxes failed: {failure!r}\n".encode())
    finally:
        os._exit(0)


class ProcessSupervisor:
    def __init__(self, channel: socket.socket, marker: str, first_uid: int | None, limits: Limits) -> None:
        self.channel = channel
        self.marker = marker
        self.census = Census(marker, first_uid)
        self.jobs: dict[int, tuple[str, str]] = {}  # pid → job, sandbox
        self.spent: dict[str, Usage] = {}  # sandbox → what processes that are gone have used
        self.traffic = Traffic()
        self.networks = Networks()
        self.watch = Watch(limits)
        self.descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.cloud = os.getppid()
        self.busy = False  # whether any sandbox has a process
        self.look_at = self.measure_at = 0.0

    def run(self) -> None:
        os.setsid()  # Ctrl-C at the terminal is for the cloud, which then closes our connection
        os.chdir("/")
        hard = self.descriptors[1]
        most = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        linux.inherit_orphans()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        wake, alarm = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(alarm)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        end_all(leftovers(self.marker, self.census.first_uid, UIDS))
        talk = self.channel.fileno()
        while True:
            waits = max(0.0, min(self.look_at, self.measure_at) - time.monotonic()) if self.busy or self.jobs else None
            measuring = [] if self.watch.measuring is None else [self.watch.measuring]
            ready, _, _ = select.select([talk, wake, *measuring], [], [], waits)
            if not ready:
                self.look_if_due()
            if measuring and measuring[0] in ready:
                living = self.census.living(os.getpid())
                self.tell(self.watch.take_measures((pid, sandbox) for pid, sandbox, _ in living))
            if wake in ready:
                os.read(wake, 4096)
                self.reap()
            if talk in ready and not self.listen():
                end_all(descendants(os.getpid()))
                return

    def listen(self) -> bool:
        """Handle one request; return False at the end of the connection."""
        message, descriptors, _, _ = socket.recv_fds(self.channel, LARGEST, 3)
        if not message:
            return False
        request = json.loads(message)
        try:
            match request["do"]:
                case "spawn":
                    self.spawn(request, descriptors)
                case "hangup":
                    self.hang_up(request["job"])
                case "signal":
                    self.signal_job(request["job"], request["number"])
                case "end":
                    self.end_sandbox(request["sandbox"], request["number"])
                    left = self.count(request["sandbox"])
                    if not left:
                        self.networks.forget(request["sandbox"])
                        self.watch.folders.pop(request["sandbox"], None)
                    self.say(id=request["id"], left=left)
                case "sockets":
                    self.send_sockets(request)
                case "usage":
                    self.traffic.public = set(request["ports"])
                    self.say(id=request["id"], usage=self.usage(), at=time.time())
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def say(self, **words: Any) -> None:
        with contextlib.suppress(OSError):  # the cloud has ended; the next read notices it
            self.channel.send(json.dumps(words).encode())

    def spawn(self, request: dict[str, Any], descriptors: list[int]) -> None:
        command = Command(plan=Plan(**request["plan"]), **request["command"])
        try:
            network = self.networks.of(command.plan.sandbox) if command.plan.network else None
        except OSError as failure:
            os.write(descriptors[-1], f"the machine has no network: {failure}\n".encode())
            self.say(job=request["job"], status=126 << 8)
            return
        self.watch.folders[command.plan.sandbox] = command.plan.folder
        pid = os.fork()
        if pid == 0:
            self._become(command, network, descriptors)
        self.jobs[pid] = (request["job"], command.plan.sandbox)
        self.census.started(pid, command.plan)

    def send_sockets(self, request: dict[str, Any]) -> None:
        """Answer with sockets in a machine's network, or with the reason why there are none."""
        try:
            made = self.networks.sockets(request)
        except OSError as failure:
            self.say(id=request["id"], failure=str(failure))
            return
        with contextlib.suppress(OSError):  # the cloud has gone
            socket.send_fds(self.channel, [json.dumps({"id": request["id"]}).encode()], [one.fileno() for one in made])
        for one in made:
            one.close()

    def _become(self, command: Command, network: Network | None, descriptors: list[int]) -> NoReturn:
        """Turn the child into the command: it can only exec or exit from here on."""
        status = 126
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)  # Python ignores SIGPIPE, and ignoring is inherited
            os.setsid()
            for target, source in enumerate(descriptors * 3 if command.pty else descriptors):
                if target < 3:
                    os.dup2(source, target)
            if command.pty:
                take_terminal(0)
            full = command.plan.sandbox in self.watch.full
            resource.setrlimit(resource.RLIMIT_NOFILE, self.descriptors)
            enter(command.plan, network, self.watch.limits, full)
            os.closerange(3, MOST_DESCRIPTORS)
            if full and not command.sftp:
                os.write(2, b"The disk of this machine is full: delete something; until then nothing can be written.\n")
            if command.sftp:
                status = sftp.serve(0, 1)
            else:
                os.execve(shell(), command.argv(), command.full_environment(self.marker))  # noqa: S606 - argv is ours
        except BaseException as failure:
            os.write(2, f"the machine could not start a process: {failure}\n".encode())
        finally:
            os._exit(status)

    def reap(self) -> None:
        while True:
            try:
                zombie = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if zombie is None:
                    return
                sandbox = self._sandbox_of_the_dead(zombie.si_pid)
                disk = read_disk(zombie.si_pid)
                pid, status, usage = os.wait4(zombie.si_pid, 0)
            except ChildProcessError:
                return
            if sandbox:
                used = Usage(usage.ru_utime + usage.ru_stime, *disk)
                self.spent[sandbox] = self.spent.get(sandbox, Usage()) + used
            job, _ = self.jobs.pop(pid, ("", ""))
            if job:
                self.say(job=job, status=status)

    def _sandbox_of_the_dead(self, pid: int) -> str:
        """Return the sandbox of a dead process before it is reaped: afterwards neither session nor user can be read."""
        if pid in self.jobs:
            return self.jobs[pid][1]
        stat = read_stat(pid)
        known = self.census.seen.get((pid, stat.started)) if stat else ""
        return known or self.census.sandbox_of(pid, stat)

    def hang_up(self, job: str) -> None:
        """End a session whose client has disconnected, by SIGHUP: nohup and setsid protect from it."""
        list(self.census.living(os.getpid()))  # update the census a last time, before parents end
        self.signal_job(job, signal.SIGHUP)

    def signal_job(self, job: str, number: int) -> None:
        for pid, (name, _) in self.jobs.items():
            if name == job:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, number)

    def end_sandbox(self, sandbox: str, number: int) -> None:
        for pid, owner, _ in list(self.census.living(os.getpid())):
            if owner == sandbox:
                _kill(pid, number)

    def count(self, sandbox: str) -> int:
        return sum(owner == sandbox for _, owner, _ in self.census.living(os.getpid()))

    def look(self) -> list[tuple[int, str, Stat]]:
        """Check the connections of all sandboxes, and plan the next check; return the living processes."""
        began = time.monotonic()
        living = list(self.census.living(os.getpid()))
        self.traffic.look([(pid, sandbox) for pid, sandbox, _ in living], self.cloud)
        self.tell(self.watch.look((pid, sandbox) for pid, sandbox, _ in living))
        ended = time.monotonic()
        self.look_at = ended + max(BETWEEN_LOOKS, (ended - began) / SHARE_OF_LOOKS)
        self.busy = bool(living)
        return living

    def look_if_due(self) -> None:
        """Check the disk each second, and processes and connections as often as their number permits."""
        if time.monotonic() >= self.measure_at:
            self.watch.measure_if_needed()
            self.measure_at = time.monotonic() + BETWEEN_LOOKS
        if time.monotonic() >= self.look_at:
            self.look()

    def tell(self, lines: list[str]) -> None:
        """Write lines to the cloud's log."""
        for line in lines:
            os.write(2, f"localcloud: {line}\n".encode())

    def usage(self) -> dict[str, tuple[float, ...]]:
        """Return what each sandbox has used since the supervisor began, as the fields of Usage."""
        self.reap()
        used = dict(self.spent)
        for pid, sandbox, stat in self.look():
            used[sandbox] = used.get(sandbox, Usage()) + Usage(stat.ticks / TICKS, *read_disk(pid))
        for sandbox, (received, sent) in self.traffic.totals.items():
            used[sandbox] = used.get(sandbox, Usage()) + Usage(received=received, sent=sent)
        return {sandbox: astuple(one) for sandbox, one in used.items()}


def end_all(pids: list[int]) -> None:
    """Send TERM, wait a moment for last output, then send KILL."""
    if not pids:
        return
    for pid in pids:
        _kill(pid, signal.SIGTERM)
    time.sleep(0.3)  # noqa: TID251 - the cloud is gone or not yet there; nobody waits for us
    for pid in pids:
        _kill(pid, signal.SIGKILL)


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def take_terminal(descriptor: int) -> None:
    """Take the terminal: a session has none until its leader takes one."""
    fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)


def as_request(job: str, command: Command) -> bytes:
    """Return a spawn request as `listen` reads it."""
    words = {key: value for key, value in asdict(command).items() if key != "plan"}
    return json.dumps({"do": "spawn", "job": job, "plan": asdict(command.plan), "command": words}).encode()
