"""The port of metrics: what it serves, to whom it answers, and that another process on it is told of."""

import logging
import socket
import threading
import time

import pytest
import requests

from ondol.config import Config
from ondol.host import signs_of_life
from ondol.monitoring import server
from tests.journey.site import free_port, until

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def address():
    """Serve a process whose health the tests decide."""
    number = free_port()
    checks = {"/healthz": lambda: health["is_ready"], "/livez": lambda: True}
    threading.Thread(target=server._serve, args=(number, server._application(checks)), daemon=True).start()
    until(lambda: _answers(f"127.0.0.1:{number}"), 10, "it serves")
    return f"http://127.0.0.1:{number}"


health = {"is_ready": True}


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [
        ("/metrics", 200, "ondol_build_info"),
        ("/livez", 200, "ok"),
        ("/healthz", 200, "ok"),
        ("/", 404, "There are: /metrics, /healthz, /livez"),
        ("/metrics/", 404, "There are"),
        ("/../etc/passwd", 404, "There are"),
        ("/admin/people/", 404, "There are"),
        ("/healthz?x=%00", 200, "ok"),
    ],
)
def test_it_serves_this_and_nothing_else(address, path, code, text):
    answer = requests.get(address + path, timeout=5)
    assert answer.status_code == code
    assert text in answer.text


def test_a_worker_without_a_heartbeat_is_not_ready_and_alive(address):
    health["is_ready"] = False
    assert [requests.get(address + path, timeout=5).status_code for path in ("/healthz", "/livez")] == [503, 200]
    health["is_ready"] = True


def test_a_client_that_sends_half_a_request_holds_up_nobody(address):
    host, number = address.removeprefix("http://").split(":")
    halves = [socket.create_connection((host, int(number)), 5) for _ in range(20)]
    for half in halves:
        half.send(b"GET /metrics HTT")
    began = time.monotonic()
    assert requests.get(f"{address}/livez", timeout=5).status_code == 200
    assert time.monotonic() - began < 3
    for half in halves:
        half.close()


def test_a_port_that_is_taken_is_told_once_and_taken_when_it_is_free(monkeypatch, caplog):
    monkeypatch.setattr(server, "AGAIN", 0.1)
    caplog.set_level(logging.INFO)
    number = free_port()
    with socket.create_server(("127.0.0.1", number)):
        threading.Thread(target=server._serve, args=(number, server._application({})), daemon=True).start()
        until(lambda: caplog.records, 10, "it is told")
        time.sleep(0.5)
    until(lambda: _answers(f"127.0.0.1:{number}"), 10, "it serves")
    (line,) = caplog.records
    assert (line.address, line.reason) == (f"127.0.0.1:{number}", "Address already in use")


def _answers(address):
    try:
        return requests.get(f"http://{address}/metrics", timeout=2).status_code == 200
    except requests.ConnectionError:
        return False


def test_it_serves_on_each_kind_of_address(monkeypatch):
    for host in ("::1", "127.0.0.1", "localhost"):
        monkeypatch.setattr(server, "config", lambda host=host: Config.model_construct(metrics_host=host))
        here, number = f"[{host}]" if ":" in host else host, free_port()
        threading.Thread(target=server._serve, args=(number, server._application({})), daemon=True).start()
        until(lambda address=f"{here}:{number}": _answers(address), 10, f"it serves on {host}")


def test_without_a_port_nothing_is_served():
    before = threading.active_count()
    server.serve(0, {})
    assert threading.active_count() == before


def test_signs_of_life_are_of_this_moment(monkeypatch):
    monkeypatch.setattr(signs_of_life, "_turned", 0.0)
    monkeypatch.setattr(signs_of_life, "_beaten", 0.0)
    assert (signs_of_life.is_alive(), signs_of_life.is_working()) == (True, False)  # it starts
    signs_of_life.turn()
    signs_of_life.beat()
    assert (signs_of_life.is_alive(), signs_of_life.is_working()) == (True, True)
    monkeypatch.setattr(signs_of_life, "_beaten", time.monotonic() - signs_of_life.BEATS - 1)  # the database is away
    assert (signs_of_life.is_alive(), signs_of_life.is_working()) == (True, False)
    monkeypatch.setattr(signs_of_life, "_turned", time.monotonic() - signs_of_life.TURNS - 1)  # its loop hangs
    assert (signs_of_life.is_alive(), signs_of_life.is_working()) == (False, False)
