"""Twenty clicks at once make one machine: the database decides, not the order of threads."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.cache import cache
from django.db import connections
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.instances.models import Instance, StatusChange
from tests.api.caller import Program, person


@pytest.mark.django_db(transaction=True)
def test_twenty_clicks_at_once_make_one_machine():
    cache.clear()
    alice = Program(person("alice"))
    together = Barrier(20)

    def click(_: int) -> tuple[int, str]:
        try:
            together.wait()
            response = Program(headers=alice.headers).post("/instances")
            return response.status_code, response.json()["instance"]["id"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(click, range(20)))
    row = Instance.objects.get()
    assert set(answers) == {(202, str(row.pk))}
    assert StatusChange.objects.filter(instance=row).count() == 1
    assert ProcrastinateJob.objects.filter(args__row=str(row.pk)).count() == 1
