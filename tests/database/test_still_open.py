"""A connection that PostgreSQL has closed is replaced before it is used, and one that is open is asked nothing."""

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction

from ondol.database.still_open import ensure_open
from tests.database.conftest import url_of

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]


def test_a_connection_that_was_ended_is_seen_to_be_closed(way):
    with psycopg.connect(url_of(way()), autocommit=True) as mine, psycopg.connect(url_of(way())) as other:
        ensure_open(mine)
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [mine.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            ensure_open(mine)


def test_words_that_wait_are_no_end(way):
    with psycopg.connect(url_of(way()), autocommit=True) as mine, psycopg.connect(url_of(way())) as other:
        mine.execute("LISTEN news")
        other.execute("NOTIFY news")
        other.commit()
        ensure_open(mine)
        assert mine.execute("SELECT 1").fetchone() == (1,)
        assert [said.channel for said in mine.notifies(timeout=1, stop_after=1)] == ["news"]


def test_a_way_that_was_closed_is_seen(way):
    only = way()
    with psycopg.connect(url_of(only), autocommit=True) as mine:
        only.close()
        with pytest.raises(psycopg.OperationalError):
            ensure_open(mine)


@pytest.mark.django_db
def test_one_in_the_middle_of_something_that_failed_is_not_used_again():
    before = transaction.savepoint()
    with connection.cursor() as cursor, pytest.raises(ProgrammingError):
        cursor.execute("SELECT nothing")
    assert not connection.is_usable()
    transaction.savepoint_rollback(before)
    assert connection.is_usable()
