"""A provider that is asked again says when its own sign-in was, or says nothing."""

import time

import pytest

from ondol.accounts import providers


@pytest.mark.parametrize(
    ("told", "is_too_old"),
    [
        ({}, False),
        ({"id_token": None}, False),
        ({"id_token": {}}, False),
        ({"id_token": {"auth_time": 0}}, False),
        ({"id_token": {"auth_time": 590}}, False),
        ({"id_token": {"auth_time": 590.5}}, False),
        ({"id_token": {"auth_time": 610}}, True),
        ({"id_token": {"auth_time": 86400}}, True),
        ({"id_token": {"auth_time": "yesterday"}}, False),
        ({"userinfo": {"auth_time": 86400}}, False),
    ],
)
def test_a_sign_in_there_that_is_older_than_ten_minutes_confirms_nothing(told, is_too_old):
    """The ages are in seconds."""
    if isinstance(age := (told.get("id_token") or {}).get("auth_time"), int | float):
        told = {"id_token": {"auth_time": time.time() - age}}
    assert providers._was_asked_long_ago(told) == is_too_old
