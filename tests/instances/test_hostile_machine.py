"""What a machine may do to the worker that comes in to replace its key: its owner is root there."""

import asyncio
from contextlib import contextmanager
from queue import Queue
from threading import Thread
from types import SimpleNamespace

import asyncssh
import pytest

from ondol.reconciler import inside
from ondol.reconciler.inside import CannotEnter, enter

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
def machine(handle, **options):
    """Run an SSH server on loopback that does `handle` for each command; give its port."""
    told, guests = Queue(), []

    async def serve():
        key, over = asyncssh.generate_private_key("ssh-ed25519"), asyncio.Event()
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


def come_in(monkeypatch, port):
    where = SimpleNamespace(worker_ssh_cidr="127.0.0.0/8", ssh_port=port)
    monkeypatch.setattr(inside, "config", lambda: where)
    row = SimpleNamespace(instance_id="i-1", public_ip="127.0.0.1", private_ip="127.0.0.1")
    cloud = SimpleNamespace(send_ssh_public_key=lambda *_key: None)
    with enter(row, cloud) as change:
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

    monkeypatch.setattr(inside, "HEARS", 2 * len(BLOCK))
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


def test_a_worker_lets_no_machine_pack_what_it_says(monkeypatch):
    async def never_asked(process):
        process.exit(0)

    with machine(never_asked, compression_algs=["zlib@openssh.com"]) as port, pytest.raises(CannotEnter) as refusal:
        come_in(monkeypatch, port)
    assert refusal.value.code == "no_answer"
