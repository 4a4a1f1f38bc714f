"""How many processes a web has by itself, and how many connections the parts may open."""

import os
from argparse import Namespace

import pytest

from ondol.commands import up
from ondol.config import config
from ondol.host.capacity import connections_of_web, connections_of_worker, web_processes, web_threads

PROCESSORS = len(os.sched_getaffinity(0))


@pytest.fixture
def at_amazon(monkeypatch):
    monkeypatch.setenv("ONDOL_CLOUD", "aws")
    config.cache_clear()


def test_a_web_at_amazon_has_a_process_for_each_processor_but_not_more_than_four(at_amazon):
    assert web_processes(config()) == min(PROCESSORS, 4)


def test_a_trial_and_one_that_serves_metrics_have_one(monkeypatch, at_amazon):
    monkeypatch.setenv("ONDOL_WEB_METRICS_PORT", "9101")
    config.cache_clear()
    assert web_processes(config()) == 1
    config().require_one_process_for_metrics()
    monkeypatch.setenv("ONDOL_WEB_METRICS_PORT", "0")
    monkeypatch.setenv("ONDOL_CLOUD", "local")
    config.cache_clear()
    assert web_processes(config()) == 1


@pytest.mark.parametrize(("chosen", "processes"), [("", "1"), ("3", "3")])
def test_ondol_up_keeps_to_one_unless_it_is_told(monkeypatch, at_amazon, chosen, processes):
    monkeypatch.setenv("ONDOL_WEB_PROCESSES", chosen)
    up._settings(Namespace(host=None, port=None, home=None))
    assert os.environ["ONDOL_WEB_PROCESSES"] == processes


@pytest.mark.parametrize(
    ("processes", "threads", "port", "most"),
    [("1", "5", "0", 6), ("2", "5", "0", 12), ("4", "", "0", 16), ("1", "5", "9101", 7)],
)
def test_a_connection_for_each_thread_and_for_healthz(monkeypatch, processes, threads, port, most):
    monkeypatch.setenv("ONDOL_WEB_PROCESSES", processes)
    monkeypatch.setenv("ONDOL_WEB_METRICS_PORT", port)
    if threads:
        monkeypatch.setenv("ONDOL_WEB_THREADS", threads)
    config.cache_clear()
    assert connections_of_web(config()) == most
    assert web_threads(config()) == int(threads or 3)


def test_a_worker_has_one_for_each_job_and_five(monkeypatch):
    assert connections_of_worker(config()) == 25
    assert connections_of_worker(config(), 4) == 9
