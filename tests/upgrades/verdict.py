"""What is wrong after an upgrade: for each person one machine, as requested, with its key and its alarm; and no
more."""

from collections import Counter
from collections.abc import Iterator

import psycopg
from boto3.session import Session
from psycopg.rows import dict_row

from tests.upgrades.site import Site

_ROWS = """
SELECT split_part(u.email, '@', 1) AS name, i.status, i.instance_id AS machine, i.alarm_name AS alarm,
       i.key_pair_name AS key_pair, k.key_pair_name AS sealed
  FROM instances_instance i JOIN accounts_user u ON u.id = i.owner_id
  LEFT JOIN instances_sshkey k ON k.instance_id = i.id
"""
_FAILED = "SELECT task_name, args FROM procrastinate_jobs WHERE status = 'failed' AND NOT args ? 'timestamp'"
"""A periodic job that the older version does not know yet comes again."""


def wrongs(site: Site) -> list[str]:
    """Return a sentence for each thing that is not as it should be."""
    with psycopg.connect(site.env["DATABASE_URL"], row_factory=dict_row) as connection:
        rows = connection.execute(_ROWS).fetchall()
        jobs = connection.execute(_FAILED).fetchall()
    return [*_of_rows(site, rows), *_of_aws(site, rows), *(f"a job has failed: {job}" for job in jobs)]


def _of_rows(site: Site, rows: list[dict[str, str]]) -> Iterator[str]:
    wishes = {person.name: person.wish for person in site.people if person.wish}
    if sorted(row["name"] for row in rows) != sorted(wishes):
        yield f"{sorted(row['name'] for row in rows)} have machines, {sorted(wishes)} have asked for one"
    for row in rows:
        if row["status"] != wishes.get(row["name"]):
            yield f"{wishes.get(row['name'])} is wished: {row}"
        if not row["sealed"] or row["sealed"] != row["key_pair"]:
            yield f"its key is lost: {row}"


def _of_aws(site: Site, rows: list[dict[str, str]]) -> Iterator[str]:
    session = Session(
        site.aws["AWS_ACCESS_KEY_ID"], site.aws["AWS_SECRET_ACCESS_KEY"], region_name=site.aws["AWS_REGION"]
    )
    ec2, cloudwatch = (
        session.client(each, endpoint_url=site.aws["AWS_ENDPOINT_URL"]) for each in ("ec2", "cloudwatch")
    )
    machines = [m["InstanceId"] for page in ec2.describe_instances()["Reservations"] for m in page["Instances"]]
    if Counter(machines) != Counter(row["machine"] for row in rows):
        yield f"AWS has {len(machines)} machines, the database {len(rows)}"
    alarms = [alarm["AlarmName"] for alarm in cloudwatch.describe_alarms(MaxRecords=100)["MetricAlarms"]]
    if missing := {row["alarm"] for row in rows} - set(alarms):
        yield f"without an alarm: {missing}"
