"""Launches, and what Amazon refuses as too many, wait for their turn; everything else is sent at once."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from boto3.session import Session

from ondol.cloud.aws_calls import WORKER_CONFIG, Clients
from ondol.cloud.aws_pace import LASTS, LONGEST, Turns


def test_before_a_refusal_nothing_waits():
    turns = Turns(3)
    assert [turns.wait(now=100.0) for _ in range(20)] == [0.0] * 20


def test_after_one_twenty_at_once_take_turns():
    turns = Turns(4)
    turns.refused(now=100.0)
    assert [turns.wait(now=100.0) for _ in range(4)] == [0.0, 0.25, 0.5, 0.75]
    assert turns.wait(now=110.0) == 0.0, "the turns that nobody took are over"


def test_nobody_waits_for_ever():
    turns = Turns(3)
    turns.refused(now=100.0)
    waits = [turns.wait(now=100.0) for _ in range(40)]
    assert max(waits) <= LONGEST
    assert waits[-1] == 0.0


def test_a_minute_later_nothing_waits_any_more():
    turns = Turns(3)
    turns.refused(now=100.0)
    assert [turns.wait(now=101 + LASTS) for _ in range(3)] == [0.0] * 3


def test_of_the_launches_that_a_worker_has_at_once_five_go_and_two_a_second_after_them():
    turns = Turns(2, at_once=5)
    assert [turns.wait(now=100.0) for _ in range(25)] == [0.0] * 5 + [0.5 * n for n in range(1, 21)]
    assert turns.wait(now=200.0) == 0.0


def test_after_a_pause_five_go_at_once_again_and_no_more():
    turns = Turns(2, at_once=5)
    for _ in range(5):
        turns.wait(now=100.0)
    assert [turns.wait(now=101.0) for _ in range(3)] == [0.0, 0.0, 0.5]
    assert [turns.wait(now=900.0) for _ in range(6)] == [0.0] * 5 + [0.5]


def test_launches_that_others_have_taken_are_waited_for():
    turns = Turns(2, at_once=5)
    turns.refused(now=100.0)
    assert [turns.wait(now=100.0) for _ in range(3)] == [0.0, 0.5, 1.0]


@pytest.fixture
def amazon(monkeypatch):
    """Return a CloudWatch that refuses the first call, and the moments of all."""
    moments, lock = [], threading.Lock()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                moments.append(time.monotonic())
                is_first = len(moments) == 1
            body = json.dumps({"__type": "ThrottlingException"} if is_first else {}).encode()
            self.send_response(400 if is_first else 200)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    yield Clients(Session(region_name="ap-northeast-2"), url, WORKER_CONFIG)("cloudwatch"), moments
    server.shutdown()
    server.server_close()


def test_alarms_are_deleted_three_a_second_once_one_was_refused(amazon):
    client, moments = amazon
    client.delete_alarms(AlarmNames=["ondol-1"])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: client.delete_alarms(AlarmNames=[f"ondol-{number}"]), range(4)))
    moments.sort()
    assert len(moments) == 6
    assert moments[-1] - moments[2] > 0.9, "four calls have three pauses of a third of a second"


def test_what_has_a_quota_of_its_own_does_not_wait(amazon):
    client, moments = amazon
    client.delete_alarms(AlarmNames=["ondol-1"])
    began = time.monotonic()
    for _ in range(5):
        client.describe_alarms_for_metric(MetricName="CPUUtilization", Namespace="AWS/EC2")
    assert len(moments) == 7
    assert moments[-1] - began < 1.0
