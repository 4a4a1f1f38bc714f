"""What a process counts of its own work, for Prometheus. What the database knows is in `monitoring.facts`."""

from prometheus_client import Counter, Histogram

REQUESTS = Counter("ondol_requests", "Requests that were answered.", ["method", "route", "code"])
REQUEST_SECONDS = Histogram(
    "ondol_request_seconds",
    "Time to answer a request.",
    ["route"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15),
)
LETTERS_LEFT_OUT = Counter(
    "ondol_letters_left_out",
    "Letters that somebody without an account could cause and that were not written: too many from one `sender`, to "
    "one `address`, or in `all`.",
    ["limit"],
)
JOBS = Counter(
    "ondol_jobs_run",
    "Jobs that this worker has run: `ok`, `failed` (it may be tried again), or `put_off` (an e-mail that has to wait).",
    ["task", "outcome"],
)
JOB_SECONDS = Histogram("ondol_job_seconds", "Time that a job took.", ["task"], buckets=(0.1, 0.5, 1, 5, 15, 60, 300))
AWS_CALLS = Counter(
    "ondol_aws_calls",
    "Calls to AWS: `ok`, `dry_run`, or how the refusal is classed (Throttled, Refused, Unreachable and so on).",
    ["service", "operation", "outcome"],
)
AWS_SECONDS = Histogram(
    "ondol_aws_call_seconds",
    "Time of a call to AWS, with the SDK's retries.",
    ["service"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 20),
)
_TO_A_MACHINE = (1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600)
CLICK_TO_LAUNCH = Histogram(
    "ondol_click_to_launch_seconds",
    "From the click until AWS has accepted RunInstances (create) or StartInstances (start).",
    ["what"],
    buckets=_TO_A_MACHINE,
)
CLICK_TO_READY = Histogram(
    "ondol_click_to_ready_seconds",
    "From the click until SSH answers and auto-stop is on.",
    ["what"],
    buckets=_TO_A_MACHINE,
)
