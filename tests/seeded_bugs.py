"""Checks that the tests find bugs: each bug is put into a copy of the checkout, and the tests must fail there.

`python -m tests.seeded_bugs [NAME …]` prints one line for each, with the test that caught it, and how many were caught;
`--tests PATH` (several times, if need be) runs those tests alone.
"""

# ruff: noqa: E501  a table
import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = [
    "tests/policy",
    "tests/audit",
    "tests/instances",
    "tests/autostop",
    "tests/cloud",
    "tests/test_job_lease.py",
    "tests/crashes",
    "tests/settings",
    "tests/backup",
    "tests/monitoring",
    "tests/host/test_port.py",
    "tests/web/test_polls.py",
    "tests/web/test_request_log.py",
    "tests/web/test_second_factors.py",
    "tests/test_logs.py",
    "tests/deployment",
    "tests/web/test_errors.py",
    "tests/web/test_who_may.py",
    "tests/outbox",
    "tests/accounts",
    "tests/api/test_scopes.py",
    "tests/web/test_step_up.py",
    "tests/web/test_second_factor.py",
    "tests/deploy/test_units.py",
    "tests/web/test_known_and_unknown.py",
    "tests/host/test_environments.py",
    "tests/database/test_roles.py",
    "tests/web/test_suspended.py",
    "tests/web/test_awake_link.py",
    "tests/web/test_rules_preview.py",
]

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Bug:
    """One mistake that somebody might make, tied to names and not to files, line breaks or comments.

    `function` is "function" or "Class.method", with its module's last name before it ("tasks:observe") where several
    modules have one of that name. In it, `right` is replaced by `wrong`: expressions or statements, of which the
    function has exactly one like `right`. An empty `wrong` deletes a statement.
    """

    name: str
    function: str
    right: str
    wrong: str

    def put_into(self, root: Path) -> tuple[Path, str]:
        """Return the file below `root` that has this bug, and its text with it; LookupError if it finds no place."""
        places = _functions(root)[self.function]
        if len(places) != 1:
            raise LookupError(f"{self.name}: {len(places)} functions are called {self.function}")
        module = ast.parse(places[0].read_text("utf-8"))
        [function] = [node for name, node in _named(module) if name == self.function.rpartition(":")[2]]
        if (count := self._replace_in(function)) != 1:
            raise LookupError(f"{self.name}: {self.function} has {count} of {self.right}")
        return places[0], ast.unparse(ast.fix_missing_locations(module)) + "\n"

    def _replace_in(self, function: Function) -> int:
        """Replace each place that is like `right`; return how many there were."""
        try:
            right, wrong = (ast.parse(text, mode="eval").body for text in (self.right, self.wrong))
        except SyntaxError:
            statements = _Statements(ast.unparse(ast.parse(self.right)), self.wrong)
            statements.visit(function)
            return statements.count
        expressions = _Expressions(ast.unparse(right), wrong)
        expressions.visit(function)
        return expressions.count


class _Expressions(ast.NodeTransformer):
    """Replaces an expression that is read; a name that is assigned is none."""

    def __init__(self, right: str, wrong: ast.expr) -> None:
        self.right, self.wrong, self.count = right, wrong, 0

    def visit(self, node: ast.AST) -> ast.AST:
        is_read = isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        if not is_read or ast.unparse(node) != self.right:
            return self.generic_visit(node)
        self.count += 1
        return self.wrong


class _Statements(ast.NodeTransformer):
    """Replaces a statement by any number of them."""

    def __init__(self, right: str, wrong: str) -> None:
        self.right, self.wrong, self.count = right, wrong, 0

    def visit(self, node: ast.AST) -> ast.AST | list[ast.stmt]:
        if not isinstance(node, ast.stmt) or ast.unparse(node) != self.right:
            return self.generic_visit(node)
        self.count += 1
        return ast.parse(self.wrong or "pass").body


@cache
def _functions(root: Path) -> defaultdict[str, list[Path]]:
    """Return the files of the package that have a function, by its name and by "module:name"."""
    found = defaultdict(list)
    for path in sorted(root.glob("ondol/**/*.py")):
        for name, _function in _named(ast.parse(path.read_text("utf-8"))):
            found[name].append(path)
            found[f"{path.stem}:{name}"].append(path)
    return found


def _named(module: ast.Module) -> Iterator[tuple[str, Function]]:
    """Yield functions, and methods of classes, by their names."""
    for node in module.body:
        if isinstance(node, Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, Function):
                    yield f"{node.name}.{method.name}", method


BUGS = [
    Bug("an alarm that does not count is one for the metrics", "facts:_machines", "not row.is_armed", "row.run.armed_at is None"),
    Bug("an invented method is a row of the metrics", "request_log:_method", "request.method in _METHODS", "True"),
    Bug("everybody sees administrators' pages", "guards:administrator", "request.user.is_admin", "True"),
    Bug("the API takes anybody for an administrator", "auth:administrator", "require_administrator(user)", ""),
    Bug("everybody revokes everybody's tokens", "tokens:revoke", "ApiToken.objects.select_for_update().filter(user=user, pk=pk)", "ApiToken.objects.select_for_update().filter(pk=pk)"),
    Bug("any id of a proxy is taken", "request_id:taken", "_TAKEN.fullmatch(text)", "text"),
    Bug("a port that nobody serves yet is free", "port:hold", "held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)", ""),
    Bug("a new token at each try", "reconcile:_announced", "instance.client_token is None", "True"),
    Bug("the token is not stored before the call", "reconcile:_announced", "'client_token'", "'updated_at'"),
    Bug("launched without waiting for the key", "steps:_prepare", "made.image and not made.errors and not unrecognized", "made.image and not unrecognized"),
    Bug("the name of the key is not stored", "reconcile:_announced", "'key_pair_name'", "'updated_at'"),
    Bug("no fence", "ensure_job_lease", "raise JobLeaseLost", "return"),
    Bug("no lock for a machine", "actions:enqueue", "app.configure_task(RECONCILE, lock=lock, queueing_lock=lock, queue='instances', priority=priority)", "app.configure_task(RECONCILE, queueing_lock=lock, queue='instances', priority=priority)"),
    Bug("RUNNING without an alarm", "_towards_running", "if not seen.armed: return Decision(Step.ARM)", ""),
    Bug("started before the alarm is put", "lifecycle:_start", "if not seen.armed: return Decision(Step.ARM)", ""),
    Bug("the alarm of the last run counts", "Run.is_armed_for_start", "self.launched_at is None or self.launched_at - self.armed_at <= _ARMED_AHEAD", "True"),
    Bug("the alarm is left behind", "resources:remove", "partial(cloud.delete_alarm, *instance.alarm_names)", "lambda: None"),
    Bug("the last alarm goes before the next one is put", "_free_name", "return name", "cloud.delete_alarm(*instance.alarm_names)\nreturn name"),
    Bug("an alarm that may be there already is only changed", "_free_name", "cloud.delete_alarm(name)", ""),
    Bug("the only alarm there is goes", "_free_name", "shown == [name]", "False"),
    Bug("the alarm that was replaced stays", "lifecycle:_running", "if seen.other_alarm: return Decision(Step.DROP_ALARM)", ""),
    Bug("the row names a key that is not on the machine yet", "replacement:_switch", "_change(wish, context, change, [other for other in _others(wish) if other != old])", ""),
    Bug("the old key goes before the row names the new one", "replacement:_switch", "[other for other in _others(wish) if other != old]", "[*_others(wish), old]"),
    Bug("the old key stays on the machine", "replacement:_switch", "[*wish.unwanted, old]", "wish.unwanted"),
    Bug("what an earlier try has added stays", "replacement:_made", "[*wish.unwanted, *lost]", "wish.unwanted"),
    Bug("workers are let in for ever", "replacement:_over", "Instance.objects.filter(pk=instance.pk).update(is_key_due=False, ssh_ranges_at=None)", "Instance.objects.filter(pk=instance.pk).update(is_key_due=False)"),
    Bug("a request that was replaced is carried out", "replacement:_note", "KeyReplacement.objects.filter(pk=wish.pk, request=wish.request, state=wish.state)", "KeyReplacement.objects.filter(pk=wish.pk)"),
    Bug("a suspended person's key is replaced", "actions:withdraw", "KeyReplacement.give_up_asked(instance, 'not_approved')", ""),
    Bug("started while the alarm of the last run may act", "lifecycle:_start", "Decision(Step.DROP_ALARM) if seen.other_alarm else Decision(Step.START)", "Decision(Step.START)"),
    Bug("a second alarm is not noticed", "alarms:check", "_is_dropped(row)", "False"),
    Bug("a second alarm of a machine at rest stays", "_is_replaced", "instance.alarm_name not in {'', thing.id}", "False"),
    Bug("the receipt of the alarm before is not asked for", "why_stopped", "cloud.stopped_by_alarm(instance.other_alarm_name, instance.run.launched_at)", "None"),
    Bug("a thawed worker deletes the alarm that counts by now", "_drop_alarm", "context.still_ours()", ""),
    Bug("an ignored warm-up is taken for kept", "_Put._is_kept", "alarm.warm_up_minutes == minutes", "True"),
    Bug("an alarm without a warm-up acts at once", "_Put._is_kept", "self._ask(minutes, is_muted=True)", ""),
    Bug("an alarm that is not shown is trusted at a start", "_Put._is_kept", "self.instance.seen_view != View.STOPPED", "True"),
    Bug("a refused warm-up leaves a machine bare", "_Put.put", "Invalid", "KeyError"),
    Bug("a warm-up that is over counts as ignored", "warm_ups_by", "alarm.warm_up_minutes or is_over or run.muted_until", "alarm.warm_up_minutes or run.muted_until"),
    Bug("at the limit of alarms what is held is stopped", "put_next", "instance.alarm_name and alarm.is_held_longer(run)", "False"),
    Bug("what an alarm cannot stop runs on", "alarms:check", "alarm.has_failed(row, shown[row.alarm_name])", "False"),
    Bug("a stop by us does not wait for the alarm's", "has_failed", "clock.now() - alarm.state_since > late", "True"),
    Bug("a refused stop of an idle machine is asked for without end", "_is_stopped_by_us", "run.needs_rearm or is_refused", "run.needs_rearm"),
    Bug("a warm-up that somebody took away counts as ignored", "warm_ups_by", "is_ignored and _is_of_put(alarm, run.armed_at)", "is_ignored"),
    Bug("an alarm of before speaks for the region", "_Put._is_kept", "not alarm.warm_up_minutes and _is_of_put(alarm, at)", "True"),
    Bug("a muted alarm stays muted", "alarms:check", "row.run.muted_until <= now", "False"),
    Bug("a muted alarm is muted again and again", "_is_mute_over", "run.muted_until <= now", "False"),
    Bug("actions that somebody has turned off stay off", "is_right", "alarm.is_muted or not _has_warm_up(row, alarm)", "not _has_warm_up(row, alarm)"),
    Bug("nobody is told that warm-ups are ignored", "warm_ups:note", "notify_administrators('findings')", ""),
    Bug("the sweep forgets what the region does", "orphans:survey", "warm_ups.findings()", "()"),
    Bug("the stop action of another partition", "stop_action", "partition(region)", "'aws'"),
    Bug("ranges only widen", "aws_groups:set_ssh", "_change(revoke, surplus, '', is_done=lambda error: error.code == NO_RULE)", ""),
    Bug("what AWS refuses to open keeps open what is too much", "aws_groups:set_ssh", "_change(revoke, surplus, '', is_done=lambda error: error.code == NO_RULE)", "_change(allow, missing, ingress.OURS, is_done=lambda error: isinstance(error, AlreadyThere))\n_change(revoke, surplus, '', is_done=lambda error: error.code == NO_RULE)"),
    Bug("only ranges of ours are revoked", "ingress:shown", "_FIELDS.items()", "list(_FIELDS.items())[:1]"),
    Bug("a narrower range waits for the next start", "ingress:check", "Instance.objects.filter(pk__in=due).update(ssh_ranges_at=None)", "pass"),
    Bug("a wish that changed while AWS was asked is forgotten", "ingress:noted", "now if is_still_so else None", "now"),
    Bug("a role that may not close holds up the machine", "decision_for", "refusals.is_put_off(instance, Decision(Step.ADMIT))", "False"),
    Bug("a machine does not start since its group cannot be changed", "reconcile:_trouble", "(rests and step is not Step.ADMIT)", "rests"),
    Bug("a new machine into which nobody gets is kept", "reconcile:_trouble", "instance.status == Status.PENDING or (rests and step is not Step.ADMIT)", "instance.status == Status.PENDING and step is not Step.ADMIT"),
    Bug("a new group that is not shown yet is taken for one that is gone", "ingress:make_equal", "is_fresh(instance)", "False"),
    Bug("a suspension leaves the machine alone", "lifecycle:_decide", "if not seen.may_run and (withdrawn := withdrawal(status, seen, now, timeouts)):\n    return withdrawn", ""),
    Bug("a suspension waits for a worker to notice", "actions:withdraw", "move(instance, decision.to, decision.reason, by=by)", "pass"),
    Bug("a start that was on its way counts as one outside", "_stopping", "reason is Reason.NOT_APPROVED and _may_yet_start(seen, since, now, timeouts)", "False"),
    Bug("a machine just launched for a suspended person is terminated", "withdrawal", "seen.asked and not _is_gone(seen, now, timeouts.absent)", "False"),
    Bug("what a suspended person wished for comes true", "actions:withdraw", "asdict(instance.size)", "{}"),
    Bug("the door of a suspended person stays open", "ssh_ranges:_of", "not owner.is_approved", "False"),
    Bug("the door of a suspended person is open until the next look", "actions:withdraw", "Instance.objects.filter(pk=instance.pk).update(ssh_ranges_at=None, **asdict(instance.size))", "Instance.objects.filter(pk=instance.pk).update(**asdict(instance.size))"),
    Bug("old sessions come back with an approval", "access:end", "Session.objects.filter(session_key__in=list(sessions.values_list('session_key', flat=True))).delete()", ""),
    Bug("old tokens come back with an approval", "access:end", "ApiToken.objects.filter(user=user).delete()", ""),
    Bug("a click and a suspension wait for each other", "people:_decision", "User.objects.select_for_update(no_key=True).get(pk=user_id)", "User.objects.select_for_update().get(pk=user_id)"),
    Bug("what somebody opened in the console stays", "orphans:sweep", "mend(finding, cloud)", "pass"),
    Bug("a change of ours is told as somebody's", "orphans:_opened", "thing.kind is not Kind.GROUP or set_at is None or set_at > settled", "thing.kind is not Kind.GROUP or set_at is None"),
    Bug("an own range counts for ever", "ssh_ranges:counts", "address.until is not None and address.until <= clock.now()", "False"),
    Bug("an own range may be as wide as the world", "ssh_ranges:is_narrow", "network.prefixlen >= rules.ssh_prefix * (1 if network.version == 4 else 2)", "True"),
    Bug("others are shut out", "ssh_ranges:remove", "SshAddress.objects.select_for_update().filter(user=user, pk=pk)", "SshAddress.objects.select_for_update().filter(pk=pk)"),
    Bug("a new range waits for the next look", "ssh_ranges:_set_group", "enqueue(row)", "pass"),
    Bug("a worker changes a group of which it has lost the job", "aws_groups:_ask_if", "still_ours()", ""),
    Bug("a worker that comes late lets nobody look at the group", "reconcile:reconcile", "ingress.doubt(row)", ""),
    Bug("a group that was narrowed is not compared again", "ingress:noted", "set(row.ssh_ranges) - set(ranges)", "False"),
    Bug("a group that was narrowed is compared for ever", "ingress:_is_due", "compared_at < doubted_at + clock.real_seconds(after.total_seconds()) <= now", "doubted_at + clock.real_seconds(after.total_seconds()) <= now"),
    Bug("two changes of keys have one number", "replacement:_number", "max(last, above) + 1", "max(last, above)"),
    Bug("a restored database never replaces keys again", "replacement:_change", "_number(wish, context, above=error.last)", ""),
    Bug("the next request begins to count anew", "key_replacement:replace_key", "wish.last_change = before.last_change", ""),
    Bug("a key pair that a late worker makes stays", "replacement:_made", "context.cloud.delete_key(name)", ""),
    Bug("key pairs whose answer was lost are left behind", "resources:remove", "(instance.key_pair_name, *cloud.keys(str(instance.pk)))", "(instance.key_pair_name,)"),
    Bug("a group whose answer was lost is left behind", "resources:remove", "(instance.security_group_id, cloud.group(instance.resource_name))", "(instance.security_group_id,)"),
    Bug("the sealed key outlives its machine", "steps:_clean", "SshKey.objects.filter(instance=instance).delete()", ""),
    Bug("unknown machines are ended", "steps:end_superseded", "found.client_token not in attempts", "False"),
    Bug("superseded machines are left running", "reconcile:_act", "plan.superseded", "False"),
    Bug("cleaned up while a lost launch may still show", "_nothing_left", "now - seen.since <= timeouts.absent", "False"),
    Bug("a status is written without compare-and-set", "moves:move", "Instance.objects.filter(pk=instance.pk, status=old, status_since=instance.status_since)", "Instance.objects.filter(pk=instance.pk)"),
    Bug("a late look hides newer news", "seen:_newer", "Instance.objects.filter(Q(seen_at__isnull=True) | Q(seen_at__lt=at) | Q(seen_at__gt=ahead))", "Instance.objects.all()"),
    Bug("a token is forgotten though its launch may have happened", "_give_up", "plan.decision.step is Step.LAUNCH and not plan.maybe_done", "plan.decision.step is Step.LAUNCH"),
    Bug("missing from one look is gone", "steps:_terminate", "View.ABSENT", "View.TERMINATED"),
    Bug("a new try does not wait for the clean-up", "actions:create", "not instance.is_clean", "False"),
    Bug("AWS is asked in a transaction", "reconcile:_act", "return STEPS[plan.decision.step](plan, context)", "with transaction.atomic(): return STEPS[plan.decision.step](plan, context)"),
    Bug("leaks go at first sight", "_dated", "before.since if before else now.isoformat()", "'2000-01-01T00:00:00+00:00'"),
    Bug("a restored dump is not noticed", "orphans:sweep", "any(finding.why is Why.UNKNOWN for finding in findings)", "False"),
    Bug("any number of leaks goes", "are_too_many", "leaks > AT_MOST", "False"),
    Bug("another deployment's machines count", "AwsCloud._ours", "[where(f'tag:{Tag.DEPLOYMENT}', self._deployment), where(f'tag:{Tag.MANAGED_BY}', MANAGED_BY)]", "[where(f'tag:{Tag.MANAGED_BY}', MANAGED_BY)]"),
    Bug("the key is replaced after a launch was asked for", "_pending", "Step.LAUNCH if seen.prepared else Step.PREPARE", "Step.PREPARE"),
    Bug("what AWS has stopped is started again", "lifecycle:_running", "Decision(Step.ASK_WHY)", "Decision(Step.START)"),
    Bug("what could be done at once is done one after another", "side_by_side", "len(steps)", "1"),
    Bug("what is done at once has no rows", "note_call", "rows.put(call)", "None"),
    Bug("a late answer is written to the next attempt", "steps:record", "Instance.objects.filter(pk=instance.pk, client_token=instance.client_token)", "Instance.objects.filter(pk=instance.pk)"),
    Bug("a thawed worker cleans up after the next attempt", "resources:remove", "ensure_job_lease()", ""),
    Bug("a thawed worker moves a status", "steps:_ask_why", "context.ensure_job_lease()", ""),
    Bug("a second machine after a restore", "_pending", "seen.unknown and not seen.asked", "False"),
    Bug("the warm-up is too short for the window", "forecast:warm_up", "judged_at", "now"),
    Bug("stopped moments after a click", "forecast:warm_up", "now + notice", "now"),
    Bug("a wish is not armed", "Run.is_armed", "self.needs_rearm", "False"),
    Bug("a wish outlives its run", "moves:move", "Run(instance=instance, reason=reason, by=by, began_at=since)", "Run(instance=instance, reason=reason, by=by, began_at=since, awake_until=instance.run.awake_until)"),
    Bug("a changed rule is not armed", "is_right", "alarm.rule != IdleRule(*idle_rule.wanted(rules, row))", "False"),
    Bug("the share is one of two cores on every type", "threshold:cpu_percent", "max(vcpus_at_most(instance_type), _LEAST_DIVISOR)", "2"),
    Bug("one vCPU has a threshold of its own", "threshold:cpu_percent", "_LEAST_DIVISOR", "1"),
    Bug("the vCPUs of an unknown type are guessed low", "facts:vcpus_at_most", "max(by_size.get(known.size, 0), known.vcpus or 0)", "known.vcpus and 2"),
    Bug("the alarm is not for the machine's type", "idle_rule:wanted", "row.size.instance_type", "'t3.small'"),
    Bug("exactly half of the baseline is let through", "threshold:too_near", "core_percent >= _limit(name)", "core_percent > _limit(name)"),
    Bug("default rules are not checked for those with types of their own", "policies:_rules_affected", "people += User.objects.filter(policy__isnull=False)", ""),
    Bug("what is installed contradicts small types", "_installed_core_percent", "min(CORE_PERCENT, core_percent_most(settings.permitted_types))", "CORE_PERCENT"),
    Bug("a policy that others have made wrong blocks every change", "policies:_require_distance", "person == policy.owner and own", "person == policy.owner"),
    Bug("a saved rule is armed only by and by", "policies:_arm_anew", "actions.enqueue(row, actions.MANY)", ""),
    Bug("a click waits behind those of rules", "actions:_now", "enqueue(instance, priority)", "enqueue(instance, 0)"),
    Bug("a click leaves its waiting job where it is", "actions:enqueue", "priority > MANY", "False"),
    Bug("the schedule stops what was started after it", "closing:closing_of", "began >= at", "False"),
    Bug("a click comes too late for the schedule", "stop_by_rule", "not still(instance)", "False"),
    Bug("of rules that change meanwhile the earlier stays", "steps:_arm", "not alarm.is_by_rule(instance, armed)", "False"),
    Bug("a preview takes for idle what only the new rules call so", "preview:_add", "sorted({*worked_now, *worked_then})", "worked_then"),
    Bug("a replay starts what its owner has stopped", "_Machine._work", "period < off if not self._is_off_by_rule else period + PERIOD <= off", "False"),
    Bug("an undo loses what was changed since", "policies:undo", "newest.pk != change.pk", "False"),
    Bug("stopped at once by hours that were just set", "closing:closing_of", "hours.set_at + MIN_NOTICE if hours.set_at else at", "at"),
    Bug("what is due waits for a look that fails", "observe_changing", "_enqueue(_anew(rows))", "import sys\nif sys.exc_info()[0] is None: _enqueue(rows)"),
    Bug("a disk that grew in the console stays unknown", "survey", "_measure_anew(found, rows, began)", ""),
    Bug("a refused size is asked for again and again", "reconcile:_trouble", "step in {Step.RESIZE, Step.GROW}", "False"),
    Bug("a size is changed without a record", "sizes:note", "before != row.size", "False"),
    Bug("a download does not count", "work_of", "Work(Signal.DOWNLOAD, into) if into >= out else Work(Signal.UPLOAD, out)", "None"),
    Bug("a lease is renewed only when it is over", "work:lease_until", "until - held_until >= RENEW_EVERY", "held_until <= now"),
    Bug("a lease is renewed at each reading", "work:lease_until", "until - held_until >= RENEW_EVERY", "until > held_until"),
    Bug("a lease is never taken back", "work:taken_back", "until if until < lease else lease", "lease"),
    Bug("a late worker leaves no time for a letter", "work:taken_back", "max(until, now + NOTICE)", "until"),
    Bug("a lease is taken back in the first pause", "work:pause", "min(PAUSE, max(PERIOD, timedelta(minutes=idle_minutes) - PAUSE))", "timedelta()"),
    Bug("a short window waits as long as a long one", "work:pause", "min(PAUSE, max(PERIOD, timedelta(minutes=idle_minutes) - PAUSE))", "PAUSE"),
    Bug("taken back without the idle window", "work:taken_back", "timedelta(minutes=idle_minutes)", "timedelta()"),
    Bug("an old reading renews a lease for ever", "work:lease_until", "now - seen_until <= FRESH", "True"),
    Bug("the hours of a day are not counted", "leases:_wanted", "used_of(row, limits, now)", "timedelta()"),
    Bug("24 hours in 24 are a limit", "Limits.left", "self.day >= DAY", "False"),
    Bug("a lease is not armed", "Run.has_other_wish", "self.needs_lease", "False"),
    Bug("a lease shortens what its owner wishes", "Run.held_until", "max(filter(None, [self.awake_until, self.lease_until]), default=None)", "self.lease_until or self.awake_until"),
    Bug("a lease outlives its run", "moves:move", "Run(instance=instance, reason=reason, by=by, began_at=since)", "Run(instance=instance, reason=reason, by=by, began_at=since, lease_until=instance.run.lease_until)"),
    Bug("the network is not waited for", "_of_interest", "Q(network_in__isnull=False) | Q(at__lt=now - PARTIAL)", "Q()"),
    Bug("the forecast goes by the lease", "outlook:_judged_at", "taken_back(now, ended_at, last, run.armed_idle_minutes, warm_up_ends, run.lease_until)", "run.lease_until"),
    Bug("a letter's link works twice", "warnings:use", "StopWarning.objects.filter(pk=warning.pk, used_at=None)", "StopWarning.objects.filter(pk=warning.pk)"),
    Bug("a start that is taken back is asked for without end", "lifecycle:_start", "seen.starts >= STARTS", "False"),
    Bug("a start that is not shown yet is taken for undone", "_is_start_undone", "seen.start_asked_at is None or now - seen.start_asked_at > certain_after", "True"),
    Bug("accepted starts are not counted", "steps:_start", "F('starts') + 1", "F('starts')"),
    Bug("a refusal is asked for again as often as a lost answer", "reconcile:_trouble", "refusals.refused(step, error) if error.is_final else {}", "{}"),
    Bug("a refusal puts off everything", "refusals:is_put_off", "not instance.refused_step or (decision.to is None and step == instance.refused_step)", "True"),
    Bug("administrators learn of refusals only by the sweep", "reconcile:_tell", "refusals.report()", "pass"),
    Bug("a limit is a letter for each person who meets it", "refusals:_finding", "why in OF_ACCOUNT", "False"),
    Bug("a refusal is told for ever", "troubles:is_recent", "clock.now() - instance.status_since < TOLD_FOR", "True"),
    Bug("a denial right after the making is final", "is_lag", "step in _ON_OUR_THINGS and is_denial(error) and is_fresh(instance)", "False"),
    Bug("a denial is never told", "is_fresh", "instance.made_at is not None and clock.now() - instance.made_at < limit", "True"),
    Bug("a type of another architecture may be chosen", "require_same_architecture", "not old.may_become(new)", "False"),
    Bug("one image for all architectures", "_find_image", "facts_of(instance.instance_type).image_architecture", "'x86_64'"),
    Bug("a substitute may be too small", "InstanceType.does_for", "self.vcpus >= other.vcpus", "True"),
    Bug("a sweep reads everybody's alarms", "AutoStop.alarms", "[{'AlarmNamePrefix': NAME_PREFIX}]", "[{}]"),
    Bug("tags come to machines before their alarms", "retag", "if alarms: cloud.tag(alarms, wished)", ""),
    Bug("tags of the settings are not set", "tags_of", "dict(config.tags)", "{}"),
    Bug("a check-up tries without the tags that an account demands", "Canary._tried_tags", "tags_of(self._config, name=DOCTOR, user_id=DOCTOR, row=DOCTOR)", "{}"),
    Bug("credits cost extra without a rule", "may_be_unlimited", "rules_of(instance.owner_id).unlimited_credits", "True"),
    Bug("a change of type that was cut off is forgotten", "reconcile:_announced", "instance.is_type_unsure, instance.is_unlimited = True, None", ""),
    Bug("a type is asked for again at each start", "sizes:note", "is_news or at is None", "False"),
    Bug("the credits of a type from the console are taken for known", "sizes:note", "is_news and row.seen_type", "False"),
    Bug("an idle machine without credits is called slow", "throttled_to", "percent >= baseline * _NEAR_BASELINE", "True"),
    Bug("a line without = is skipped", "_assignment", "not equals or not NAME.fullmatch(left)", "equals and not NAME.fullmatch(left)"),
    Bug("of two lines the last one counts", "env_file:parse", "name in file.lines", "False"),
    Bug("an unknown setting of a file is ignored", "_assignment", "meant(left, known)", "None"),
    Bug("a comment behind a value is part of it", "env_file:_value", "re.search(r'(^|[ \\t])#', text)", "None"),
    Bug("an empty range is the default one", "written_settings:_empty", "text.strip(' \\t,')", "True"),
    Bug("a file that is named need not be there", "written_settings:read_file", "named is None and (not path.is_file())", "not path.is_file()"),
    Bug("a poll is answered without an approval", "_answered", "not person.is_approved", "False"),
    Bug("a poll is answered in a session that is over", "_answered", "has_ended(request)", "False"),
    Bug("a new password leaves sessions open", "known_person", "constant_time_compare(given, mark)", "True"),
    Bug("https is served without a proxy", "WebSettings.require_reachable_pages", "not self.behind_proxy", "False"),
    Bug("a host is compared in the letters in which it was typed", "page_address:_host", "_punycode(name)", "name"),
    Bug("an e-mail that is given up is forgotten", "jobs:_keep", "now if row.next_try_at is None else None", "None"),
    Bug("all e-mails try while the server is away", "await_turn", "due.update(next_try_at=now + _TRY)", "True"),
    Bug("a final no is asked for again", "_next_try", "error.is_final or now - row.since > PATIENCE", "now - row.since > PATIENCE"),
    Bug("an e-mail that may have arrived is sent for days", "_next_try", "error.cause is Cause.UNCONFIRMED", "False"),
    Bug("a session that drips is not cut off", "SmtpBackend._cut", "socket.socket.shutdown(sock, socket.SHUT_RDWR)", ""),
    Bug("the certificate of a mail server is for any name", "SmtpBackend._made", "made._host = self.server.host", ""),
    Bug("a password is shown in the answer", "SmtpBackend._starred", "self.server.password.encode() in base64.b64decode(token[0] + '==')", "False"),
    Bug("each request is an e-mail of its own", "requests:announce", "last and now - GATHERED < last <= now", "False"),
    Bug("an e-mail's job that an old worker took is lost", "tasks:announce", "retry_failed(requests.TASK)", ""),
    Bug("an e-mail that waits has failed", "jobs:follow", "outcome = 'put_off'", ""),
    Bug("an e-mail waits for a server that is back", "await_turn", "known.failing_since is None", "False"),
    Bug("a link that signs in is kept from a mail server's answer", "DeliveryError.__init__", "without_links(' '.join(answer.split()))", "' '.join(answer.split())"),
    Bug("an outage of the mail server has no length", "_emails", "_age(known.failing_since)", "0.0"),
    Bug("requests are lost while there is no administrator", "requests:announce", "not readers", "False"),
    Bug("a unit that was edited is replaced", "units:plan", "signed is not None and signed[1] == _sum(signed[2])", "signed is not None"),
    Bug("a unit may need what it does not see", "units:hidden_from", "path.is_relative_to(hidden)", "False"),
    Bug("a path of the address is forgotten", "_refuse_more_than_host", "parts.path.strip('/')", "''"),
    Bug("half a backup has the name of a whole one", "archive:writing", "file.with_name(f'.{file.name}.{secrets.token_hex(4)}.part')", "file"),
    Bug("a restore ends its transaction though the dump was cut off", "_pour", "restoring.process.wait()", "restoring.process.wait() and False"),
    Bug("a password is in the environment of PostgreSQL's tools", "tools:_environment", "{'PATH', 'HOME', 'TMPDIR'}", "{'PATH', 'HOME', 'TMPDIR', 'DATABASE_URL', 'ONDOL_VAULT_KEYS'}"),
    Bug("the application may change the record", "privileges_on", "table in APPEND_ONLY", "False"),
    Bug("what somebody has granted besides stays", "roles:grant", "held.excess or held.lacking", "held.lacking"),
    Bug("the worker has the way in as the owner of the tables", "of_worker", "without_owner(env)", "dict(env)"),
    Bug("the keys that open a backup are not looked at", "_check_keys", "missing and (not without)", "False"),
    Bug("a key that changed meanwhile is overwritten by the rotation", "sealed:_replace", "SshKey.objects.filter(pk=key.pk, sealed_private_key=key.sealed_private_key)", "SshKey.objects.filter(instance_id=key.instance_id)"),
    Bug("a key opens for whoever its machine is given to", "Label._authenticated", "self.owner", "''"),
    Bug("another key than the recorded one is handed out", "sealed:open_key", "found != key.fingerprint", "False"),
    Bug("a second factor opens in anybody's row", "second_factors:_bind", "str(instance.user_id)", "''"),
    Bug("a code that was used meanwhile counts again", "second_factors:_replace", "Authenticator.objects.filter(pk=row.pk, data=row.data)", "Authenticator.objects.filter(pk=row.pk)"),
    Bug("a row that was refused goes to our log", "Connection.wait", "_forget_values(error)", ""),
    Bug("a worker seals with a key that was given up", "keys:keep", "fingerprints.hold_sealing_key()", ""),
    Bug("another key than hers is imported", "keys:ask_for", "fingerprint.is_of_imported(own.public_key, key.fingerprint)", "True"),
    Bug("a short RSA key is taken", "public_key:_check_rsa", "FEWEST_BITS <= key.key_size <= MOST_BITS", "True"),
    Bug("a private key is told to be something else", "public_key:_refuse_private", "'PRIVATE KEY' in text", "False"),
    Bug("an imported key's name may be another's", "aws_keys:import_key", "fingerprint.is_of_imported(openssh, each)", "True"),
    Bug("anybody puts tracebacks into the log", "_without_traceback", "record.name.startswith('django.security.')", "False"),
    Bug("of two hosts any is good", "url:read", "len(hosts) > 1", "len(hosts) > 2"),
    Bug("each host may take all the time", "url:read", "PATIENCE / len(hosts)", "PATIENCE"),
    Bug("another signing key is taken", "fingerprints:compare", "mine.signing != deployments.signing", "False"),
    Bug("a vault key that has sealed may be missing", "fingerprints:compare", "key not in mine.vault", "False"),
    Bug("a schema of any later version is used", "_may_be_ahead", "_number(oldest) <= _number(__version__)", "True"),
    Bug("a token of any scope does everything", "scopes:require", "scope not in granted", "False"),
    Bug("a token lives for ever", "ApiToken.has_expired", "self.expires_at <= datetime.now(UTC)", "False"),
    Bug("a new password leaves tokens", "User._note_changes", "self.api_tokens.all().delete()", "(0, {})"),
    Bug("any sign-in is recent", "signed_in_recently", "now - app_settings.REAUTHENTICATION_TIMEOUT < at <= now + 1", "True"),
    Bug("a secret waits in the session", "StepUp.process_view", 'suspend(request) if name in KEPT else ""', "suspend(request)"),
    Bug("an issuer's old sign-in confirms", "_was_asked_long_ago", "time.time() - at > app_settings.REAUTHENTICATION_TIMEOUT", "False"),
    Bug("a missing second factor is never overdue", "second_factor:is_overdue", "due <= datetime.now(UTC)", "False"),
    Bug("unproven requests stand among the others", "proof:to_decide", "config().wants_proof", "False"),
    Bug("any address of theirs proves another", "proof:is_proven", "EmailAddress.objects.filter(user=user, email__iexact=user.email, verified=True)", "EmailAddress.objects.filter(user=user, verified=True)"),
    Bug("an existing account answers sooner", "SignupForm.try_save", "self._save_under_no_name(request)", "pass"),
    Bug("an unproven password shows that it is right", "AccountAdapter.authenticate", "proof.is_proven(cast(User, user))", "True"),
    Bug("a letter's link follows the machine to its next owner", "_bound_to", "warning.instance.owner_id", "0"),
    Bug("a letter's link is good for any run", "_bound_to", "warning.launched_at.timestamp()", "0.0"),
    Bug("the site's name is a password", "OurWordsValidator.validate", "rest != typed", "False"),
    Bug("a field is not in the chain", "chain:hash_of", "[before, position, *values]", "[before, position, *values[:-1]]"),
    Bug("an entry may be lost", "chain:_wrong", "link.entry is None", "False"),
    Bug("an undone act has a row", "record:refusals", "write(action, by=by, on=on, outcome=Outcome.REFUSED, code=refusal.code, **details)", "write(action, by=by, on=on, code=refusal.code, **details)"),
    Bug("a new address is silent", "record_and_tell", "told.filter(address=origin.address()).exists()", "told.exists()"),
    Bug("a full disk is a rate limit", "cache:_writing", "raise OperationalError('the shared cache cannot be written') from error", "return"),
]  # fmt: skip


def main() -> int:
    """Try all, or those named; return 1 if more than one in twenty was not caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.seeded_bugs")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--tests", action="append", metavar="PATH", help="run these alone")
    asked = parser.parse_args()
    if unknown := set(asked.names) - {bug.name for bug in BUGS}:
        parser.error(f"there is no such bug: {', '.join(sorted(unknown))}")
    wanted = [bug for bug in BUGS if not asked.names or bug.name in asked.names]
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checkout"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "*_cache", "__pycache__", "dist"))
        (copy / ".venv").symlink_to(ROOT / ".venv")
        for bug in wanted:
            began = time.monotonic()
            file, text = bug.put_into(copy)
            sound = file.read_text("utf-8")
            file.write_text(text, "utf-8")
            by = _first_failure(copy, asked.tests or TESTS)
            file.write_text(sound, "utf-8")
            missed += not by
            took = f"{time.monotonic() - began:4.0f} s"
            print(f"{'caught' if by else 'MISSED'}  {took}  {bug.name}{f'  by {by}' if by else ''}", flush=True)
    print(f"{len(wanted) - missed} of {len(wanted)} caught")
    return int(missed * 20 > len(wanted))


def _first_failure(copy: Path, tests: list[str]) -> str:
    """Return the test that failed first; empty if none did."""
    words = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "2", "-p", "no:cacheprovider", *tests]
    env = {**os.environ, "PYTHONPATH": f"{copy}:{copy}/localcloud/src"}
    done = subprocess.run(words, cwd=copy, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "FAILED" in done.stdout or "ERROR " in done.stdout, done.stdout[-2000:]
    failed = (line.split()[1] for line in done.stdout.splitlines() if line.startswith(("FAILED tests", "ERROR tests")))
    return next(failed, "")


if __name__ == "__main__":
    raise SystemExit(main())
