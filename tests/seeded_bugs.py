"""Checks that the tests find bugs: each bug is put into a copy of the checkout, and the tests must fail there.

`python -m tests.seeded_bugs [NAME …]` prints one line for each, with the test that caught it, and how many were caught.
"""

# ruff: noqa: E501  a table
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ["tests/instances", "tests/autostop", "tests/cloud", "tests/test_lease.py", "tests/crashes"]


@dataclass(frozen=True)
class Bug:
    """One mistake that somebody might make."""

    name: str
    file: str
    right: str
    wrong: str


RECONCILE, STEPS, PROVISION, LOOK, LIFECYCLE, MODELS, SWEEP, ACTIONS, JOBS, AWS, IDLE, SCHEDULE, POLICIES, SIZE, WARNINGS, MOVES, RUNS = (
    f"ondol/{name}.py"
    for name in (
        "instances/reconcile", "instances/acts", "instances/provision", "instances/look", "instances/lifecycle",
        "instances/models", "instances/sweep", "instances/actions", "instances/jobs", "cloud/aws",
        "instances/idle", "autostop/schedule", "autostop/policies", "instances/size", "autostop/warnings",
        "instances/moves", "instances/runs",
    )
)  # fmt: skip

BUGS = [
    Bug("a new token at each try", RECONCILE, "case Act.LAUNCH if instance.client_token is None:", "case Act.LAUNCH:"),
    Bug("the token is not stored before the call", RECONCILE, 'update_fields=["client_token", ', "update_fields=["),
    Bug("launched without waiting for the key", STEPS, "and not made.errors and", "and"),
    Bug("the name of the key is not stored", RECONCILE, '"key_pair_name", "group_unsure_at", ', '"group_unsure_at", '),
    Bug("no fence", JOBS, "            raise LeaseLost", "            return"),
    Bug("no lock for a machine", ACTIONS, "app.configure_task(RECONCILE, lock=lock, ", "app.configure_task(RECONCILE, "),
    Bug("RUNNING without an alarm", LIFECYCLE, "    if not seen.armed:\n        return Decision(Act.ARM)\n    if seen.view is", "    if seen.view is"),
    Bug("started before the alarm is put", LIFECYCLE, "Decision(Act.START) if seen.armed else Decision(Act.ARM)", "Decision(Act.START)"),
    Bug("the alarm of the last run counts", RUNS, "return self.launched_at is None or self.launched_at - self.armed_at <= _ARMED_AHEAD", "return True"),
    Bug("the alarm is left behind", PROVISION, "            partial(cloud.delete_alarm, instance.resource_name),\n", ""),
    Bug("key pairs whose answer was lost are left behind", PROVISION, "(instance.key_pair_name, *cloud.keys(str(instance.pk)))", "(instance.key_pair_name,)"),
    Bug("a group whose answer was lost is left behind", PROVISION, "(instance.security_group_id, cloud.group(instance.resource_name))", "(instance.security_group_id,)"),
    Bug("the sealed key outlives its machine", STEPS, "        SshKey.objects.filter(instance=instance).delete()\n", ""),
    Bug("unknown machines are ended", LOOK, "if server.client_token in ours)", ")"),
    Bug("superseded machines are left running", RECONCILE, "            if plan.superseded:\n                end_superseded(plan, world)\n            elif", "            if"),
    Bug("cleaned up while a lost launch may still show", LIFECYCLE, "now - seen.since <= patience.absent", "False"),
    Bug("a status is written without compare-and-set", MOVES, "pk=instance.pk, status=old, status_since=instance.status_since", "pk=instance.pk"),
    Bug("a late look hides newer news", LOOK, "Q(seen_at__isnull=True) | Q(seen_at__lt=at)", "Q()"),
    Bug("a token is forgotten though its launch may have happened", RECONCILE, "plan.decision.act is Act.LAUNCH and not plan.again", "plan.decision.act is Act.LAUNCH"),
    Bug("missing from one look is gone", STEPS, "view = View.ABSENT  #", "view = View.TERMINATED  #"),
    Bug("a new try does not wait for the clean-up", ACTIONS, "            if not instance.is_clean:", "            if False:"),
    Bug("AWS is asked in a transaction", RECONCILE, "                ACTS[plan.decision.act](plan, world)", "                with transaction.atomic():\n                    ACTS[plan.decision.act](plan, world)"),
    Bug("leaks go at first sight", SWEEP, "before.since if before else now.isoformat()", '"2000-01-01T00:00:00+00:00"'),
    Bug("a restored dump is not noticed", SWEEP, "if is_behind or are_too_many", "if are_too_many"),
    Bug("any number of leaks goes", SWEEP, "return leaks > AT_MOST or", "return"),
    Bug("another deployment's machines count", AWS, 'where(f"tag:{Tag.DEPLOYMENT}", self._deployment), ', ""),
    Bug("the key is replaced after a launch was asked for", LIFECYCLE, "Decision(Act.LAUNCH if seen.prepared else Act.PREPARE)", "Decision(Act.PREPARE)"),
    Bug("what AWS has stopped is started again", LIFECYCLE, "        case View.STOPPED:\n            return Decision(Act.ASK_WHY)\n        case View.SHUTTING_DOWN", "        case View.STOPPED:\n            return Decision(Act.START)\n        case View.SHUTTING_DOWN"),
    Bug("what could be done at once is done one after another", PROVISION, "max_workers=len(steps)", "max_workers=1"),
    Bug("a late answer is written to the next attempt", STEPS, "filter(pk=instance.pk, client_token=instance.client_token)", "filter(pk=instance.pk)"),
    Bug("a thawed worker cleans up after the next attempt", PROVISION, "    hold()\n", ""),
    Bug("a thawed worker moves a status", RECONCILE, "        hold()\n        is_trouble", "        is_trouble"),
    Bug("a second machine after a restore", LIFECYCLE, "if seen.unknown and not seen.asked:", "if False:"),
    Bug("the warm-up is too short for the window", IDLE, "ends = max(judged_at, ", "ends = max("),
    Bug("stopped moments after a click", IDLE, "now + LET_BE, ", ""),
    Bug("a wish is not armed", RUNS, "self.armed_at is None or self.needs_rearm:", "self.armed_at is None:"),
    Bug("a wish outlives its run", MOVES, "by=by, began_at=since)", "by=by, began_at=since, awake_until=instance.run.awake_until)"),
    Bug("a changed rule is not armed", LOOK, "    if not alarm.rule == recorded == IdleRule(", "    if not alarm.rule == recorded and not IdleRule("),
    Bug("a saved rule is armed only by and by", POLICIES, "            actions.kick(row)\n", ""),
    Bug("the schedule stops what was started after it", SCHEDULE, " or began >= at", ""),
    Bug("a click comes too late for the schedule", ACTIONS, " or not still(instance)", ""),
    Bug("of rules that change meanwhile the earlier stays", STEPS, "if not provision.is_by_rule(instance, armed):", "if False:"),
    Bug("stopped at once by hours that were just set", SCHEDULE, ", hours.set_at + MIN_NOTICE if hours.set_at else at)", ")"),
    Bug("what is due waits for a look that fails", LOOK, "    finally:\n        _kick(rows)  #", "    except ZeroDivisionError:\n        _kick(rows)  #"),
    Bug("a disk that grew in the console stays unknown", SWEEP, "    _measure_anew(found, rows, began)\n", ""),
    Bug("a refused size is asked for again and again", RECONCILE, "        _keep_size(plan, error, hold)\n        return\n", "        pass\n"),
    Bug("a size is changed without a record", SIZE, "        if before != row.size:\n", "        if False:\n"),
    Bug("a letter's link works twice", WARNINGS, "(pk=warning.pk, used_at=None).update", "(pk=warning.pk).update"),
]  # fmt: skip


def main() -> int:
    """Try all, or those named; return 1 if more than one in twenty was not caught."""
    wanted = [bug for bug in BUGS if not sys.argv[1:] or bug.name in sys.argv[1:]]
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checkout"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "*_cache", "__pycache__", "dist"))
        (copy / ".venv").symlink_to(ROOT / ".venv")
        for bug in wanted:
            began, file = time.monotonic(), copy / bug.file
            sound = file.read_text()
            assert sound.count(bug.right) >= 1, f"{bug.name}: the code has changed"
            file.write_text(sound.replace(bug.right, bug.wrong, 1))
            by = _first_failure(copy)
            file.write_text(sound)
            missed += not by
            took = f"{time.monotonic() - began:4.0f} s"
            print(f"{'caught' if by else 'MISSED'}  {took}  {bug.name}{f'  by {by}' if by else ''}", flush=True)
    print(f"{len(wanted) - missed} of {len(wanted)} caught")
    return int(missed * 20 > len(wanted))


def _first_failure(copy: Path) -> str:
    """Return the test that failed first; empty if none did."""
    words = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "2", "-p", "no:cacheprovider", *TESTS]
    env = {**os.environ, "PYTHONPATH": f"{copy}:{copy}/localcloud/src"}
    done = subprocess.run(words, cwd=copy, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "FAILED" in done.stdout or "ERROR " in done.stdout, done.stdout[-2000:]
    failed = (line.split()[1] for line in done.stdout.splitlines() if line.startswith(("FAILED tests", "ERROR tests")))
    return next(failed, "")


if __name__ == "__main__":
    raise SystemExit(main())
