"""What a machine may do to the worker that comes in to replace its key: its owner is root there."""

import asyncio
import os
import signal
import socket
import time
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread
from types import SimpleNamespace

import asyncssh
import pytest

from ondol.reconciler import inside
from ondol.reconciler.inside import CannotEnter, enter

pytestmark = pytest.mark.enable_socket

ADD, OLD = "ssh-ed25519 AAAAnew", "ssh-ed25519 AAAAold"
BLOCK = "0" * 32_768


class AnyKey(asyncssh.SSHServer):
    def __init__(self, guests):
        self.guests = guests

    def connection_made(self, conn):
        self.guests.append(conn)

    def begin_auth(self, username):
        return False


@contextmanager
def machine(handle, key_type="ssh-ed25519", **options):
    """Run an SSH server on loopback that does `handle` for each command; give its port."""
    told, guests = Queue(), []

    async def serve():
        key, over = asyncssh.generate_private_key(key_type), asyncio.Event()
        server = await asyncssh.listen(
            "127.0.0.1", 0, server_factory=lambda: AnyKey(guests), server_host_keys=[key], process_factory=handle,
            **options,
        )  # fmt: skip
        told.put((server.get_port(), asyncio.get_running_loop(), over))
        await over.wait()
        server.close()
        await server.wait_closed()
        for guest in guests:
            guest.abort()
            await guest.wait_closed()

    thread = Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    port, loop, over = told.get(timeout=20)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


def as_wished():
    """Let the replacement go on."""


def come_in(monkeypatch, port, ensure_wished=as_wished):
    where = SimpleNamespace(worker_ssh_cidr="127.0.0.0/8", ssh_port=port)
    monkeypatch.setattr(inside, "config", lambda: where)
    row = SimpleNamespace(instance_id="i-1", public_ip="127.0.0.1", private_ip="127.0.0.1")
    cloud = SimpleNamespace(send_ssh_public_key=lambda *_key: None)
    with enter(row, cloud, ensure_wished) as change:
        change(1, ADD, [OLD])


@pytest.mark.parametrize("channel", ["stdout", "stderr"])
def test_of_what_mallorys_machine_says_without_end_a_worker_hears_little(monkeypatch, channel):
    said = []

    async def floods(process):
        stream = getattr(process, channel)
        while True:
            stream.write(BLOCK)
            said.append(len(BLOCK))
            await stream.drain()

    with machine(floods) as port, pytest.raises(CannotEnter, match="it says more than"):
        come_in(monkeypatch, port)
    assert sum(said) < 32 * 2**20


def test_a_machine_that_never_ends_is_left_in_time(monkeypatch):
    async def keeps_silent(process):
        await asyncio.sleep(60)

    monkeypatch.setattr(inside, "DOES_IT_WITHIN", 0.3)
    with machine(keeps_silent) as port, pytest.raises(CannotEnter) as refusal:
        come_in(monkeypatch, port)
    assert refusal.value.code == "no_answer"


def test_bytes_that_are_no_text_are_a_machines_mistake(monkeypatch):
    async def speaks_nonsense(process):
        await process.stdin.read()
        process.stdout.write(b"\xff\xfe")
        process.exit(1)

    with machine(speaks_nonsense, encoding=None) as port, pytest.raises(CannotEnter) as refusal:
        come_in(monkeypatch, port)
    assert refusal.value.code == "inside"


async def never_asked(process):
    """Say that all is done without having read what is wanted."""
    process.stdout.write("ondol: the keys are changed\n")
    process.exit(0)


# What a machine offers as its only choice: the server would choose the numbers, their size, or what they unpack to.
ONLY = {
    "a prime of its own": {"kex_algs": ["diffie-hellman-group-exchange-sha256"]},
    "a prime of its own, and SHA-1": {"kex_algs": ["diffie-hellman-group-exchange-sha1"]},
    "a large fixed prime": {"kex_algs": ["diffie-hellman-group18-sha512"]},
    "a key exchange with RSA": {"kex_algs": ["rsa2048-sha256"]},
    "a host key of RSA": {"key_type": "ssh-rsa"},
    "SHA-1": {"encryption_algs": ["aes256-ctr"], "mac_algs": ["hmac-sha1"]},
    "CBC": {"encryption_algs": ["aes256-cbc"]},
    "packing": {"compression_algs": ["zlib@openssh.com"]},
}


@pytest.mark.parametrize("offer", ONLY)
def test_a_worker_lets_no_machine_choose_what_is_costly_or_weak(monkeypatch, offer):
    with machine(never_asked, **ONLY[offer]) as port, pytest.raises(CannotEnter) as refusal:
        come_in(monkeypatch, port)
    assert refusal.value.code == "no_answer"


# What the sshd of Ubuntu 22.04 and 24.04 offers, and a worker needs one of each.
UBUNTU = {
    "curve25519": {"kex_algs": ["curve25519-sha256"]},
    "NIST's curve": {"kex_algs": ["ecdh-sha2-nistp256"]},
    "a host key of ECDSA": {"key_type": "ecdsa-sha2-nistp256"},
    "AES-GCM": {"encryption_algs": ["aes256-gcm@openssh.com"]},
    "AES-CTR": {"encryption_algs": ["aes128-ctr"], "mac_algs": ["hmac-sha2-256-etm@openssh.com"]},
}


@pytest.mark.parametrize("offer", UBUNTU)
def test_what_ubuntu_offers_is_taken(monkeypatch, offer):
    with machine(never_asked, **UBUNTU[offer]) as port:
        come_in(monkeypatch, port)


# --- time -------------------------------------------------------------------------------------------------------------
def clients():
    """The processes that this one has started."""
    found = "".join(path.read_text() for path in Path("/proc/self/task").glob("*/children")).split()
    return {int(pid) for pid in found}


@contextmanager
def silent(then=lambda: None):
    """A server that takes connections, does `then`, and never says a word."""
    taken = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take():
            try:
                taken.append(server.accept()[0])
                then()
            except OSError:
                return  # nobody came

        thread = Thread(target=take)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in taken:
                connection.close()


def test_a_client_that_hangs_in_a_computation_is_killed_in_time(monkeypatch):
    before = clients()

    def hangs():  # as in a C function that lets no other line of Python run
        for pid in clients() - before:
            os.kill(pid, signal.SIGSTOP)

    monkeypatch.setattr(inside, "CONNECTS_WITHIN", 0.5)
    with silent(hangs) as port, pytest.raises(CannotEnter, match="no_answer"):
        come_in(monkeypatch, port)
    assert clients() == before


def test_a_client_that_dies_is_told_of(monkeypatch):
    before = clients()

    def dies():
        for pid in clients() - before:
            os.kill(pid, signal.SIGKILL)

    with silent(dies) as port, pytest.raises(CannotEnter, match="the SSH client ended with -9"):
        come_in(monkeypatch, port)


class Withdrawn(Exception):
    """The machine is to stop."""


@contextmanager
def waits_for_ever():
    async def keeps_silent(process):
        await process.stdin.read()
        await asyncio.sleep(60)

    with machine(keeps_silent) as port:
        yield port


@pytest.mark.parametrize("hangs", [silent, waits_for_ever])
def test_whoever_withdraws_does_not_wait_for_the_machine(monkeypatch, hangs):
    began = time.monotonic()

    def withdrawn():
        if time.monotonic() > began + 2:
            raise Withdrawn

    before = clients()
    with hangs() as port, pytest.raises(Withdrawn):
        come_in(monkeypatch, port, withdrawn)
    assert time.monotonic() - began < 2 + 1
    assert clients() == before


def test_the_client_knows_nothing_that_its_worker_knows(monkeypatch):
    before, seen = clients(), []

    def looks():
        for pid in clients() - before:
            seen.append((Path(f"/proc/{pid}/environ").read_bytes(), Path(f"/proc/{pid}/cmdline").read_bytes()))

    monkeypatch.setenv("ONDOL_CANARY", "s3cret")
    monkeypatch.setattr(inside, "CONNECTS_WITHIN", 0.5)
    with silent(looks) as port, pytest.raises(CannotEnter):
        come_in(monkeypatch, port)
    assert seen
    for environment, words in seen:
        assert b"s3cret" not in environment
        assert b"PRIVATE" not in words
