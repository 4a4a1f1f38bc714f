"""Twenty clicks at once make one machine: the database decides, not the order of threads."""

import pytest
from django.core.cache import cache
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.instances.models import Instance, StatusChange
from tests.api.caller import Program, person
from tests.committed import committed, together  # noqa: F401  a fixture


@pytest.mark.usefixtures("committed")
def test_twenty_clicks_at_once_make_one_machine():
    cache.clear()
    alice = Program(person("alice"))

    def click():
        response = Program(headers=alice.headers).post("/instances")
        return response.status_code, response.json()["instance"]["id"]

    answers = together(*[click] * 20)
    row = Instance.objects.get()
    assert set(answers) == {(202, str(row.pk))}
    assert StatusChange.objects.filter(instance=row).count() == 1
    assert ProcrastinateJob.objects.filter(args__row=str(row.pk)).count() == 1
