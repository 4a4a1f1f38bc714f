"""Create the runs of existing machines from their history; the last run gets what the row has of it.

In batches, each in a transaction of its own, and only for machines without runs: it may be interrupted and repeated.
Backwards, the fields of the last run go back to the row; the history is kept.
"""

from collections import defaultdict
from datetime import datetime

from django.db import migrations, transaction

BATCH = 500
GOES_ON = {'PENDING', 'STARTING', 'RUNNING', 'STOPPING'}
ENDS = {'STOPPED', 'FAILED', 'TERMINATING', 'TERMINATED'}
UP = {'pending', 'running', 'stopping'}
SAME = (
    'ready_at', 'armed_at', 'warm_up_minutes', 'armed_idle_minutes', 'armed_cpu_percent', 'armed_awake_until',
    'awake_until', 'waived_close',
)


def in_aws(line):
    since = line.detail.get('since')
    return min(line.at, datetime.fromisoformat(since)) if since else line.at


def receipt_of(line):
    if 'rule' not in line.detail or 'cpu' not in line.detail:
        return None
    return {'cpu': line.detail['cpu'], 'rule': line.detail['rule']}


def runs_of(lines):
    """Return each run of one machine as its fields; those of the last may still be open."""
    runs, stopping = [], None
    for line in lines:
        if line.new == line.old:
            continue  # another size
        is_open = bool(runs) and 'ended_at' not in runs[-1]
        is_outside = line.new == 'RUNNING' and (line.reason == 'OUTSIDE' or not is_open)
        if line.new in {'PENDING', 'STARTING'} or is_outside:
            if is_open:
                why = stopping.reason if stopping else line.reason
                runs[-1] |= {'ended_at': in_aws(line), 'end_reason': why}
            runs.append({'began_at': in_aws(line), 'reason': line.reason, 'by_id': line.by_id})
        elif line.new in ENDS and is_open:
            at, receipt = in_aws(line), receipt_of(line)
            if stopping and line.new == 'STOPPED' and 'since' in stopping.detail:
                at, receipt = min(at, in_aws(stopping)), receipt or receipt_of(stopping)
            runs[-1] |= {'ended_at': at, 'end_reason': line.reason, 'receipt': receipt}
        stopping = line if line.new == 'STOPPING' else None
        if stopping and runs:  # that version wrote it here; the next line follows
            runs[-1]['receipt'] = receipt_of(line)
    return runs


def settle(row, runs):
    """Make the last run agree with the row, and with what EC2 last showed."""
    if not runs:
        runs.append({'began_at': row.created_at, 'reason': row.status_reason})
    last = runs[-1]
    if row.status in GOES_ON:
        last.pop('ended_at', None)
        last.pop('end_reason', None)
    else:
        last.setdefault('ended_at', row.stopped_at or row.status_since)
        last.setdefault('end_reason', row.status_reason)
    last |= {name: getattr(row, name) for name in SAME}
    last |= {'alarm_verified_at': row.armed_shown_at, 'public_ip': row.public_ip}
    if row.status == 'STARTING' and row.seen_view not in UP:  # EC2 shows the LaunchTime of the run before
        last['launched_after'] = row.launched_at
        if len(runs) > 1:
            runs[-2]['launched_at'] = row.launched_at
    else:
        last['launched_at'] = row.launched_at


def forwards(apps, editor):
    Instance, Run, StatusChange = (apps.get_model('instances', name) for name in ('Instance', 'Run', 'StatusChange'))
    while rows := list(Instance.objects.filter(run=None).order_by('pk')[:BATCH]):
        with transaction.atomic():
            lines = defaultdict(list)
            for line in StatusChange.objects.filter(instance__in=rows).order_by('at', 'id'):
                lines[line.instance_id].append(line)
            made = []
            for row in rows:
                runs = runs_of(lines[row.pk])
                settle(row, runs)
                made += [Run(instance_id=row.pk, **fields) for fields in runs]
                row.run_id = made[-1].pk
            Run.objects.bulk_create(made, batch_size=1000)
            Instance.objects.bulk_update(rows, ['run'], batch_size=BATCH)


def backwards(apps, editor):
    Instance = apps.get_model('instances', 'Instance')
    while rows := list(Instance.objects.exclude(run=None).select_related('run').order_by('pk')[:BATCH]):
        with transaction.atomic():
            for row in rows:
                run = row.run
                for name in SAME:
                    setattr(row, name, getattr(run, name))
                row.armed_shown_at = run.alarm_verified_at
                if run.ended_at is not None:
                    row.armed_at = row.armed_shown_at = row.awake_until = row.waived_close = row.ready_at = None
                row.run = None
            Instance.objects.bulk_update(rows, [*SAME, 'armed_shown_at', 'run'], batch_size=BATCH)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('instances', '0007_runs'),
    ]

    operations = [
        migrations.RunPython(forwards, backwards),
    ]
