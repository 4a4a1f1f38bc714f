"""A port has one owner, from before its server listens until after that has died."""

import contextlib
import socket
import threading

import pytest

from ondol.host import port
from tests.journey.site import free_port

pytestmark = pytest.mark.enable_socket


def listen(host, number):
    """Listen as the server does."""
    server = socket.create_server((host, number), reuse_port=True)
    server.settimeout(5)
    return server


@pytest.mark.parametrize("is_served", [False, True])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "localhost"),
        ("127.0.0.1", "0.0.0.0"),
        ("0.0.0.0", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("0.0.0.0", "127.0.0.2"),
    ],
)
def test_a_port_that_is_held_is_nobody_elses(first, second, is_served):
    number = free_port()
    with contextlib.ExitStack() as stack:
        stack.enter_context(port.hold(first, number))
        if is_served:
            stack.enter_context(listen(first, number))
        with pytest.raises(OSError, match="in use"):
            port.hold(second, number)


def test_other_addresses_of_this_host_are_free():
    number = free_port()
    with port.hold("127.0.0.1", number), port.hold("127.0.0.2", number):
        pass


def test_every_visitor_reaches_the_server_and_its_holder_none():
    number = free_port()
    with port.hold("127.0.0.1", number), listen("127.0.0.1", number) as server:
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", number), 5):
                server.accept()[0].close()


def test_a_server_that_has_died_comes_back_and_nobody_takes_its_place_meanwhile():
    number = free_port()
    with port.hold("127.0.0.1", number):
        with listen("127.0.0.1", number) as server, socket.create_connection(("127.0.0.1", number), 5):
            server.accept()[0].close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", number), 5)
        with pytest.raises(OSError, match="in use"):
            port.hold("127.0.0.1", number)
        listen("127.0.0.1", number).close()
    port.hold("127.0.0.1", number).close()  # though some of its connections are not forgotten yet


def test_of_four_that_start_at_once_one_wins():
    for _ in range(25):
        number, begin, won = free_port(), threading.Barrier(4), []

        def start():
            begin.wait()  # noqa: B023  all end with this round
            with contextlib.suppress(OSError):
                won.append(port.hold("127.0.0.1", number))  # noqa: B023

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        won[0].close()
