"""What a log must not contain."""

import logging

import pytest

from ondol.logs import JsonFormatter, TextFormatter

LINKS = [
    "/awake/12.cRk3Wq_-s3cret/",
    "/accounts/password/reset/key/1-s3cret/",
    "/accounts/confirm-email/MQ:s3cret/",
]


@pytest.mark.parametrize("path", LINKS)
@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_a_failed_request_is_named_without_the_secret_of_its_link(formatter, path):
    record = logging.LogRecord("django.request", logging.ERROR, __file__, 1, "Failed: %s", (path,), None)
    record.request = f"<WSGIRequest: GET '{path}'>"
    told = formatter.format(record)
    assert f"Failed: {path.rsplit('/', 2)[0]}/" in told
    assert "s3cret" not in told


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_whoever_is_told_a_reference_number_finds_it_in_the_log(formatter, caplog):
    logging.getLogger("ondol").error("gave up", extra={"row": "5f0c", "reference": "7KQ4MX2P", "worker": {"id": 1}})
    assert "7KQ4MX2P" in formatter.format(caplog.records[0])


def test_other_paths_are_told():
    record = logging.LogRecord("django.request", logging.ERROR, __file__, 1, "Failed: %s", ("/admin/fleet/",), None)
    assert TextFormatter().format(record).endswith(" ERROR django.request: Failed: /admin/fleet/")
