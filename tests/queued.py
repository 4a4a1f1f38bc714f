"""Jobs that wait, as a test carries them out."""

from typing import Any

from procrastinate.contrib.django.models import ProcrastinateJob


def own_arguments(job: ProcrastinateJob) -> dict[str, Any]:
    """Return the arguments of its task; a worker takes the id of the request off before it calls that."""
    return {name: value for name, value in job.args.items() if name != "request_id"}
