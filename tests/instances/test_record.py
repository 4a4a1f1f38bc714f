"""Lines of a machine's record: what any version has written is understood for ever."""

from datetime import UTC, datetime

import pytest

from ondol.instances.record import Failure, LastWork, Receipt, Record, Signal, Size, Wish
from ondol.instances.states import Reason
from tests.instances.recorded import before_runs

LINES = [line["detail"] for line in before_runs()["tables"]["instances_statuschange"]]
SHAPES = {tuple(sorted(line)): line for line in reversed(LINES)}


@pytest.mark.parametrize("shape", SHAPES, ids=" ".join)
def test_every_shape_of_the_last_version_is_read_and_written_as_it_was(shape):
    line = SHAPES[shape]
    assert Record.from_json(line).to_json() == line


def test_so_is_every_line():
    assert [Record.from_json(line).to_json() for line in LINES] == LINES


def test_an_idle_stop_is_understood():
    line = SHAPES["cpu", "instance_type", "rule", "seen", "since", "volume_gb"]
    assert Record.from_json(line) == Record(
        size=Size("t3.small", 30),
        since=datetime.fromisoformat(line["since"]),
        seen="Client.UserInitiatedShutdown",
        receipt=Receipt((0.5,) * 6, 30, 5.0),
    )


def test_a_refused_size_is_understood():
    line = SHAPES["code", "instance_type", "reference", "status_reason", "volume_gb", "wish"]
    record = Record.from_json(line)
    assert (record.size, record.status_reason, record.refused) == (Size("t3.medium", 40), Reason.DONE, Wish("", 60))
    assert record.failure == Failure("VolumeModificationRateExceeded", line["reference"])
    assert record.refused.names == ("volume_gib",)


@pytest.mark.parametrize(
    ("line", "record"),
    [
        ({}, Record()),
        ({"code": "VcpuLimitExceeded"}, Record(failure=Failure("VcpuLimitExceeded"))),
        ({"seen": "Client.UserInitiatedShutdown"}, Record(seen="Client.UserInitiatedShutdown")),
        (
            {"cpu": [1.0] * 3, "rule": {"minutes": 0, "percent": 5}},  # the rule was not recorded yet
            Record(receipt=Receipt((1.0,) * 3, 15, 5.0)),
        ),
        (
            {
                "cpu": [],
                "rule": {"minutes": 30, "percent": 5.0},
                "work": {"signal": "download", "rate": 2.1e6, "until": "2026-01-05T12:00:00+00:00"},
            },
            Record(
                receipt=Receipt(
                    (), 30, 5.0, last_work=LastWork(Signal.DOWNLOAD, 2.1e6, datetime(2026, 1, 5, 12, tzinfo=UTC))
                )
            ),
        ),
        ({"cpu": [], "rule": {"minutes": 30, "percent": 5.0}}, Record(receipt=Receipt((), 30, 5.0))),
        ({"what a later version adds": 1}, Record()),
    ],
)
def test_what_earlier_versions_have_written_is_understood(line, record):
    assert Record.from_json(line) == record


def test_a_moment_keeps_its_zone():
    since = datetime(2026, 6, 1, tzinfo=UTC)
    assert Record.from_json(Record(since=since).to_json()).since == since


def test_what_a_machine_did_last_is_told_in_the_unit_of_its_rule():
    until = datetime(2026, 1, 5, 12, tzinfo=UTC)
    on_two_cores = Receipt((0.5,) * 6, 30, 5.0, 10.0, LastWork(Signal.CPU, 7.3, until))
    assert on_two_cores.core_last_work == LastWork(Signal.CPU, 14.6, until)
    older = Receipt((0.5,) * 6, 30, 5.0, None, LastWork(Signal.CPU, 7.3, until))
    assert older.core_last_work == older.last_work
    download = LastWork(Signal.DOWNLOAD, 2.1e6, until)
    assert Receipt((0.5,) * 6, 30, 5.0, 10.0, download).core_last_work == download
