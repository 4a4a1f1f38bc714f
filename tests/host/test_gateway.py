"""What a browser sends arrives whole, byte for byte, and a client that dawdles holds up nobody else."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPResponse

import pytest

from ondol.host import gateway
from ondol.host.gateway import SERVER, environ_of
from tests.host.echo import application
from tests.journey.site import free_port, until

pytestmark = [pytest.mark.enable_socket]
OURS = b"ondol_session=abc123"
FOREIGN = {
    "UTF-8": "name=김민지".encode(),
    "cp949": "name=김민지".encode("cp949"),
    "latin-1": "name=José".encode("latin-1"),
    "Shift-JIS": "dept=研究所".encode("shift_jis"),
    "an emoji": "mood=🛰️".encode(),
    "every byte above ASCII": b"x=" + bytes(range(0x80, 0x100)),
    "half a letter": "김".encode()[:2],
    "quotes and commas": b'a="1, 2"; b=[{"k":"v"}]',
    "no name": b"=1; ; ;",
    "very long": b"x=" + b"\xea\xb9\x80" * 4000,
}


def scope(*headers, **fields):
    """Return what an ASGI server tells of a request."""
    return {
        "type": "http", "method": "GET", "http_version": "1.1", "scheme": "http", "path": "/", "raw_path": b"/",
        "query_string": b"", "headers": headers, "server": ("127.0.0.1", 8000), "client": ("203.0.113.9", 5), **fields,
    }  # fmt: skip


def test_a_header_with_an_underscore_does_not_pass_for_one_with_a_hyphen():
    """Proxies replace X-Forwarded-For; what a client calls X_Forwarded_For would come beside it."""
    environ = environ_of(scope((b"x-forwarded-for", b"198.51.100.1"), (b"x_forwarded_for", b"127.0.0.1")), b"")
    assert environ["HTTP_X_FORWARDED_FOR"] == "198.51.100.1"
    assert environ["REMOTE_ADDR"] == "203.0.113.9"


def test_cookies_in_two_headers_are_one_list_and_other_headers_too():
    environ = environ_of(scope((b"cookie", b"a=1"), (b"accept", b"x"), (b"cookie", OURS), (b"accept", b"y")), b"")
    assert environ["HTTP_COOKIE"] == "a=1; ondol_session=abc123"
    assert environ["HTTP_ACCEPT"] == "x,y"


@pytest.mark.parametrize(
    ("path", "seen"),
    [(b"/a%20b", b"/a b"), ("/온돌".encode(), "/온돌".encode()), (b"/%ed%99", b"/\xed\x99"), (b"/a%2Fb?c", b"/a/b")],
)
def test_a_path_is_bytes(path, seen):
    assert environ_of(scope(raw_path=path), b"")["PATH_INFO"].encode("latin-1") == seen


@pytest.fixture(scope="module")
def server():
    with closing(Server()) as running:
        yield running


class Server:
    """granian with an application that says what it has got, started with the options of `ondol web`."""

    def __init__(self):
        self.port = free_port()
        words = [*SERVER, "--log-level", "warning", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "granian", *words, "tests.host.echo:application"],
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        until(self._answers, 60, "it answers")

    def _answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def connection(self):
        found = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return found

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0


def answer_of(connection):
    """Return status and body of the next answer."""
    answer = HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.read()


def echoed(server, *lines, body=b"", first=b"GET / HTTP/1.1"):
    """Return what the application has got of a request of these lines."""
    with closing(server.connection()) as connection:
        connection.sendall(b"\r\n".join([first, b"Host: ondol", *lines, b"", body]))
        status, text = answer_of(connection)
        assert status == 200, text
        return json.loads(text)


@pytest.mark.parametrize("where", [b"%b; %b", b"%b; %b; z=1"])
@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
def test_ours_arrives_beside_any_foreign_cookie(server, foreign, where):
    for pair in ((OURS, foreign), (foreign, OURS)):
        sent = where % pair
        assert echoed(server, b"Cookie: " + sent)["HTTP_COOKIE"].encode("latin-1") == sent


@pytest.mark.parametrize(
    "name",
    ["User-Agent", "Referer", "Accept-Language", "Authorization", "X-CSRFToken", "HX-Current-URL", "Origin", "X-Name"],
)
def test_other_headers_arrive_as_bytes_too(server, name):
    key = "HTTP_" + name.upper().replace("-", "_")
    for value in FOREIGN.values():
        assert echoed(server, name.encode() + b": " + value)[key].encode("latin-1") == value


def test_a_query_in_bytes_arrives_or_is_refused_but_breaks_nothing(server):
    assert echoed(server, first=b"GET /?q=%EA%B9%80&n=1 HTTP/1.1")["QUERY_STRING"] == "q=%EA%B9%80&n=1"
    with closing(server.connection()) as connection:
        connection.sendall("GET /?q=김 HTTP/1.1\r\nHost: ondol\r\n\r\n".encode())
        assert answer_of(connection)[0] in {200, 400}


def test_a_body_in_chunks_has_a_length(server):
    seen = echoed(
        server, b"Transfer-Encoding: chunked", body=b"5\r\nna\xff=1\r\n2\r\n&b\r\n0\r\n\r\n", first=b"POST / HTTP/1.1"
    )
    assert (seen["body"].encode("latin-1"), seen["CONTENT_LENGTH"]) == (b"na\xff=1&b", "7")


@pytest.mark.parametrize("method", [b"GET", b"POST", b"DELETE"])
def test_a_request_that_says_nothing_of_a_body_has_none(server, method):
    seen = echoed(server, b"X-Any: 1", first=method + b" / HTTP/1.1")
    assert (seen["body"], seen["CONTENT_LENGTH"]) == ("", "0")


@pytest.mark.parametrize("size", [b"ZZ", b"-1", b"F" * 17, b"", b"5 5", b"0x5"])
def test_chunks_that_are_none_are_the_clients_mistake(server, size):
    with closing(server.connection()) as connection:
        head = b"POST / HTTP/1.1\r\nHost: ondol\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + size + b"\r\nhello\r\n0\r\n\r\n")
        assert answer_of(connection)[0] == 400


@pytest.mark.parametrize(
    "said",
    [b"", b"GET / HTTP/1.1\r\nHost: o", b"GET / HTTP/1.1\r\nHost: ondol\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
     b"POST / HTTP/1.1\r\nHost: ondol\r\nContent-Length: 100\r\n\r\nabc"],
    ids=["nothing", "half a header", "a request, then silence", "HTTP/2, then silence", "half a body"],
)  # fmt: skip
def test_three_hundred_silent_clients_hold_up_nobody(server, said):
    with ExitStack() as crowd:
        for _ in range(300):
            crowd.enter_context(closing(server.connection())).sendall(said)
        began = time.monotonic()
        assert echoed(server)["REQUEST_METHOD"] == "GET"
        assert time.monotonic() - began < 5


def test_one_connection_serves_many_requests_in_threads_that_last(server):
    http, threads = HTTPConnection("127.0.0.1", server.port, timeout=20), set()
    for method in ("GET", "POST", "HEAD", "GET"):
        http.request(method, "/", body=b"x" * 1000 if method == "POST" else None)
        kept, answer = http.sock, http.getresponse()
        text = answer.read()
        assert (answer.status, http.sock) == (200, kept)
        if method != "HEAD":
            threads.add(json.loads(text)["thread"])
    assert threads <= {"request_0", "request_1"}
    http.close()


def test_a_long_answer_is_streamed_whole(server):
    http = HTTPConnection("127.0.0.1", server.port, timeout=20)
    http.request("GET", "/stream")
    lines = http.getresponse().read().splitlines()
    assert (len(lines), lines[-1]) == (200_000, b"199999")
    http.request("GET", "/")
    assert http.getresponse().status == 200
    http.close()


def test_readers_who_go_in_the_middle_take_no_thread_with_them(server):
    for _ in range(6):
        with closing(server.connection()) as connection:
            connection.sendall(b"GET /stream HTTP/1.1\r\nHost: ondol\r\n\r\n")
            connection.recv(100)
    assert echoed(server)["REQUEST_METHOD"] == "GET"


def test_half_a_request_holds_up_nobody(server):
    halves = [server.connection() for _ in range(8)]
    for half in halves:
        half.sendall(b"POST / HTTP/1.1\r\nHost: ondol\r\nContent-Length: 10\r\n\r\nhalf")
    began = time.monotonic()
    assert echoed(server)["REQUEST_METHOD"] == "GET"
    assert time.monotonic() - began < 5
    halves[0].sendall(b" there")
    assert json.loads(answer_of(halves[0])[1])["body"] == "half there"
    for half in halves:
        half.close()


@pytest.mark.parametrize("length", [b"Content-Length: 200000", b"Transfer-Encoding: chunked"])
def test_more_than_anybody_types_is_refused(server, length):
    body = b"x" * 200_000 if b"Length" in length else b"30d40\r\n" + b"x" * 200_000 + b"\r\n0\r\n\r\n"
    with closing(server.connection()) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: ondol\r\n" + length + b"\r\n\r\n" + body)
        assert answer_of(connection) == (413, "너무 큽니다".encode())


def test_whoever_sends_a_film_hears_that_it_is_too_large_and_not_that_the_connection_was_lost(server):
    head = b"POST / HTTP/1.1\r\nHost: ondol\r\nContent-Length: 20000000\r\n\r\n"
    with closing(server.connection()) as connection:
        connection.sendall(head + b"x" * 20_000_000)
        answer = HTTPResponse(connection)
        answer.begin()
        assert (answer.status, answer.read().decode()) == (413, "너무 큽니다")
        assert answer.headers["Connection"] == "close"


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Length: 100001", b"Expect: 100-continue"],
        [b"Content-Length: 10000000000", b"Expect: 100-Continue"],
        [b"Content-Length: 67108865"],
        [b"Content-Length: 10000000000"],
    ],
)
def test_what_will_be_too_large_is_refused_before_it_is_sent(server, lines):
    with closing(server.connection()) as connection:
        connection.sendall(b"\r\n".join([b"POST / HTTP/1.1", b"Host: ondol", *lines, b"", b""]))
        seen = b""
        while part := connection.recv(65536):
            seen += part
        assert seen.startswith(b"HTTP/1.1 413 ")
        assert "너무 큽니다".encode() in seen
        assert b"100 Continue" not in seen


def test_whoever_asks_before_sending_what_is_small_enough_may_go_on(server):
    with closing(server.connection()) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: ondol\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"hello")
        status, text = answer_of(connection)
        assert (status, json.loads(text)["body"]) == (200, "hello")


@pytest.mark.parametrize(("sent", "status"), [(100_001, 413), (100_000, 408)])
def test_a_film_on_a_slow_line_is_too_large_and_not_too_slow(monkeypatch, sent, status):
    """It goes on arriving when the patience is over."""
    monkeypatch.setattr(gateway, "BODY_WITHIN", 0.3)
    monkeypatch.setattr(gateway, "DRAINED_WITHIN", 0.3)
    parts, said = [b"x" * sent], []

    async def receive():
        if not parts:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": parts.pop(), "more_body": True}

    async def send(message):
        said.append(message)

    asyncio.run(application(scope((b"transfer-encoding", b"chunked"), method="POST"), receive, send))
    assert said[0]["status"] == status
    assert (b"connection", b"close") in said[0]["headers"]


def test_so_much_and_no_more_is_thrown_away(monkeypatch):
    monkeypatch.setattr(gateway, "DRAINED", 500_000)
    taken, said = [], []

    async def receive():
        taken.append(100_000)
        return {"type": "http.request", "body": b"x" * 100_000, "more_body": True}

    async def send(message):
        said.append(message)

    asyncio.run(application(scope((b"transfer-encoding", b"chunked"), method="POST"), receive, send))
    assert (said[0]["status"], sum(taken)) == (413, 700_000)


def test_a_stop_lets_requests_end():
    server = Server()
    answers = []

    def ask():
        with closing(server.connection()) as connection:
            connection.sendall(b"GET /slow HTTP/1.1\r\nHost: ondol\r\n\r\n")
            answers.append(answer_of(connection)[0])

    people = [threading.Thread(target=ask) for _ in range(2)]
    for person in people:
        person.start()
    time.sleep(0.4)
    server.close()
    for person in people:
        person.join()
    assert answers == [200, 200]
