"""What `make bench ARGS=--compare` tells of the ratios of a run, beside those that were recorded."""

import sys

import pytest

from bench import __main__ as program
from bench import record
from bench.place import NotHere

ALL = ("polls", "pages", "calls", "clicks")


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """Let runs be recorded in a folder of their own; return how the next run begins."""
    monkeypatch.setattr(record, "RECORDED", tmp_path / "recorded.json")
    monkeypatch.setattr(record, "_plots", {})

    def begin(**ratios):
        monkeypatch.setattr(record, "_ratios", {})
        for name, value in ratios.items():
            record.ratio(f"{name}: a ratio", value, more_is_better=name != "calls")

    return begin


def test_what_got_worse_by_a_fifth_is_told_whichever_way_is_better(kept, capsys):
    kept(polls=5.0, pages=1.0, calls=0.5)
    record.keep(ALL)
    kept(polls=4.0, pages=0.81, calls=0.6)
    assert record.is_worse(ALL)
    told = capsys.readouterr().out
    assert "worse: polls: a ratio: 4.00 × now, 5.00 ×" in told
    assert "worse: calls: a ratio: 0.60 × now, 0.50 ×" in told
    assert "worse: pages" not in told


def test_what_got_better_is_not_told_and_what_is_missing_is(kept, capsys):
    kept(polls=5.0, pages=1.0, calls=0.5)
    record.keep(ALL)
    kept(polls=50.0, calls=0.1, clicks=3.0)
    assert not record.is_worse(ALL)
    told = capsys.readouterr().out
    assert "not measured in this run: pages: a ratio" in told
    assert "not recorded yet: clicks: a ratio" in told
    assert "2 ratios were compared, and none" in told


def test_a_run_of_some_is_compared_with_those_alone(kept, capsys):
    kept(polls=5.0, pages=1.0)
    record.keep(ALL)
    kept(pages=1.0)
    assert not record.is_worse(["pages"])
    assert "not measured" not in capsys.readouterr().out


def test_a_run_of_some_keeps_what_the_others_were(kept):
    kept(polls=5.0, pages=1.0)
    record.keep(ALL)
    kept(pages=2.0)
    record.keep(["pages"])
    kept(polls=1.0, pages=2.0)
    assert record.is_worse(ALL)


def test_a_ratio_that_a_benchmark_has_no_more_is_forgotten_once_it_is_recorded_again(kept, capsys):
    kept(polls=5.0, pages=1.0)
    record.keep(ALL)
    kept(pages=2.0)
    record.keep(["pages", "polls"])
    kept(pages=2.0)
    assert not record.is_worse(ALL)
    assert "not measured" not in capsys.readouterr().out


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_ratio_is_a_number_more_than_zero(kept, value):
    with pytest.raises(ValueError, match="more than zero"):
        record.ratio("polls", value)


def test_a_benchmark_that_fails_or_cannot_be_run_here_does_not_keep_the_others_from_it(capsys, monkeypatch):
    def fails(folder, machines):
        raise AssertionError("somebody has two machines")

    def is_not_for_here(folder, machines):
        raise NotHere("only root may do so")

    ways = {"hosts": fails, "site": is_not_for_here, "clicks": lambda folder, machines: None}
    monkeypatch.setattr(program, "_ALONE", ways)
    run = program._Run()
    run.measure(["clicks", "hosts", "site"], 1, {})
    assert (run.failed, run.missed, run.done) == (["hosts"], ["site"], ["clicks"])
    told = capsys.readouterr().err
    assert "somebody has two machines" in told
    assert "site was not measured: only root may do so" in told


def test_what_a_process_of_its_own_has_found_is_kept(kept, tmp_path, capsys):
    kept(polls=5.0, calls=0.5)
    record.series("hosts", "Jobs", "workers", "jobs a second", {"measured": [(1, 60.0), (2, 110.0)]})
    record.hand_over(tmp_path / "found.json")
    kept()
    record.take_over(tmp_path / "found.json")
    record.keep(ALL)
    kept(polls=5.0, calls=0.6)
    assert record.is_worse(ALL)
    assert "worse: calls" in capsys.readouterr().out


def test_it_names_its_benchmarks_and_options(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["bench", "--help"])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert all(name in told for name in (*program.NAMES, *program.OTHERS, "--record", "--compare"))
