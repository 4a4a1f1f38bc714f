"""What `make bench ARGS=--compare` tells of the ratios of a run, beside those that were recorded."""

import pytest

from bench import record


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """Let runs be recorded in a folder of their own; return how the next run begins."""
    monkeypatch.setattr(record, "RECORDED", tmp_path / "recorded.json")

    def begin(**ratios):
        monkeypatch.setattr(record, "_ratios", {})
        for name, value in ratios.items():
            record.ratio(name, value, more_is_better=name != "calls")

    return begin


def test_what_got_worse_by_a_fifth_is_told_whichever_way_is_better(kept, capsys):
    kept(polls=5.0, pages=1.0, calls=0.5)
    record.keep(whole=True)
    kept(polls=4.0, pages=0.81, calls=0.6)
    assert record.is_worse()
    told = capsys.readouterr().out
    assert "worse: polls: 4.00 × now, 5.00 ×" in told
    assert "worse: calls: 0.60 × now, 0.50 ×" in told
    assert "worse: pages" not in told


def test_what_got_better_is_not_told_and_what_is_missing_is(kept, capsys):
    kept(polls=5.0, pages=1.0, calls=0.5)
    record.keep(whole=True)
    kept(polls=50.0, calls=0.1, clicks=3.0)
    assert not record.is_worse()
    told = capsys.readouterr().out
    assert "not measured in this run: pages" in told
    assert "not recorded yet: clicks" in told
    assert "2 ratios were compared, and none" in told


def test_a_run_of_some_keeps_what_the_others_were(kept):
    kept(polls=5.0, pages=1.0)
    record.keep(whole=True)
    kept(pages=2.0)
    record.keep(whole=False)
    kept(polls=1.0, pages=2.0)
    assert record.is_worse()
    kept(pages=2.0)
    record.keep(whole=True)
    kept(polls=1.0, pages=2.0)
    assert not record.is_worse()


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_ratio_is_a_number_more_than_zero(kept, value):
    with pytest.raises(ValueError, match="more than zero"):
        record.ratio("polls", value)
