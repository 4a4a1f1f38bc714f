"""The chain: whatever one edit does to the record is found, in memory and in PostgreSQL."""

import argparse
import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from ondol import clock
from ondol.audit import linking
from ondol.audit.actions import Action
from ondol.audit.chain import FIELDS, Head, Linked, hash_of, verify
from ondol.audit.models import Entry, Link
from ondol.audit.record import write
from ondol.audit.retention import prune
from ondol.commands import audit
from tests import role
from tests.committed import committed, together  # noqa: F401  a fixture

EDITS = 10_000
CHANGES = {
    "id": lambda old: old + 1,
    "at": lambda old: old + timedelta(microseconds=1),
    "action": lambda old: old + "x",
    "outcome": lambda old: "refused" if old == "done" else "done",
    "code": lambda old: old + "x",
    "by_id": lambda old: 7 if old is None else None,
    "by_email": lambda old: old[1:] or "mallory@example.org",
    "on_id": lambda old: (old or 0) + 1,
    "on_email": lambda old: old.upper() if old.upper() != old else "mallory@example.org",
    "source": lambda old: "worker" if old == "page" else "page",
    "address": lambda old: old + "0",
    "agent": lambda old: old + " ",
    "request_id": lambda old: old[::-1] if old[::-1] != old else old + "0",
    "job_id": lambda old: 0 if old is None else None,
    "details": lambda old: {**old, "role": "ADMIN"} if old.get("role") != "ADMIN" else {},
}
"""One edit of each field."""


def a_chain(length=24):
    """Return a chain of different entries, as a worker would have linked them."""
    chain, head = [], Head()
    for n in range(1, length + 1):
        at = datetime(2026, 3, 1, 9, 0, n, n, UTC)
        entry = [n * 3, at, "key.read", "done", "", n, f"bob{n}@example.org", n, f"bob{n}@example.org"]
        entry += ["page", f"203.0.113.{n}", "Firefox", f"request-{n}", None, {"form": "pem", "n": n}]
        head = Head(n, hash_of(head.hash, n, entry))
        chain.append(Linked(n, entry[0], head.hash, entry))
    return chain, head


def edited(chain, chance):
    """Return the chain with one edit, and what it was."""
    chain, at = list(chain), chance.randrange(len(chain))
    link = chain[at]
    match chance.choice(["field", "field", "field", "remove", "lose", "swap", "relink", "insert", "hash", "order"]):
        case "field":
            name = chance.choice(FIELDS)
            entry = list(link.entry)
            entry[FIELDS.index(name)] = CHANGES[name](entry[FIELDS.index(name)])
            chain[at] = replace(link, entry=entry)
            return chain, f"{name} of {link.position}"
        case "remove":
            del chain[at]
        case "lose":
            chain[at] = replace(link, entry=None)
        case "swap":
            other = (at + 1 + chance.randrange(len(chain) - 1)) % len(chain)
            chain[at], chain[other] = replace(link, entry=chain[other].entry), replace(chain[other], entry=link.entry)
        case "relink":
            chain[at] = replace(link, entry_id=link.entry_id + 1)
        case "insert":
            chain.insert(at, replace(link, entry_id=link.entry_id - 1, entry=[link.entry_id - 1, *link.entry[1:]]))
        case "hash":
            chain[at] = replace(link, hash=f"{chance.getrandbits(256):064x}")
        case "order":
            other = (at + 1) % len(chain)
            chain[at], chain[other] = chain[other], chain[at]
    return chain, f"position {link.position}"


def test_each_of_ten_thousand_edits_is_found(record_property):
    chain, head = a_chain()
    assert set(CHANGES) == set(FIELDS)
    assert not verify(chain, [head]).findings
    chance = random.Random(20260301)
    for _ in range(EDITS):
        changed, what = edited(chain, chance)
        assert verify(changed, [head]).findings, what
    record_property("told", f"the record: {EDITS:,} single edits, each found")


def test_an_end_that_is_cut_off_is_found_by_a_head_that_was_kept():
    chain, head = a_chain()
    assert not verify(chain[:-1]).findings
    (found,) = verify(chain[:-1], [head]).findings
    assert "ends at position 23" in found


@pytest.fixture
def twelve(db):
    """Return twelve entries, linked."""
    for n in range(12):
        write(Action.KEY_READ, form="pem", n=n)
    assert linking.link(everything=True).position == 12
    return list(Entry.objects.order_by("pk"))


@pytest.fixture(autouse=True)
def _no_head_of_another_test():
    linking.head_file().unlink(missing_ok=True)


BY_PRIVILEGES = "permission denied for table audit_"
BY_THE_TRIGGER = "never changed or deleted"


def refused(why, *statements):
    """Assert that the database refuses the last one."""
    with pytest.raises(DatabaseError, match=why), transaction.atomic():
        sql("; ".join(statements))


def sql(text, *values):
    with connection.cursor() as cursor:
        cursor.execute(text, values or None)


FORBIDDEN = [
    "UPDATE audit_entry SET by_email = 'x'",
    "UPDATE audit_entry SET details = '{}' WHERE id = (SELECT max(id) FROM audit_entry)",
    "UPDATE audit_link SET hash = ''",
    "DELETE FROM audit_entry",
    "DELETE FROM audit_link WHERE position = 12",
    "TRUNCATE audit_entry",
    "TRUNCATE audit_link",
    "INSERT INTO audit_link (position, entry_id, hash) SELECT position, entry_id, '' FROM audit_link"
    " ON CONFLICT (position) DO UPDATE SET hash = ''",
    "MERGE INTO audit_link USING audit_entry e ON entry_id = e.id WHEN MATCHED THEN DELETE",
]


def test_the_database_refuses_to_change_or_delete_rows(twelve):
    for statement in FORBIDDEN:
        for retention in ("on", "off"):
            refused(BY_PRIVILEGES, f"SET LOCAL ondol.audit_retention = '{retention}'", statement)
        with role.owner():
            refused(BY_THE_TRIGGER, "SET LOCAL ondol.audit_retention = 'off'", statement)
    with role.owner():
        refused(BY_THE_TRIGGER, "SET LOCAL ondol.audit_retention = 'on'", "UPDATE audit_entry SET by_email = 'x'")
    assert Entry.objects.count() == 12
    assert not verify(linking.linked()).findings


def test_another_role_than_the_owner_removes_nothing_whatever_it_is_granted(twelve, as_owner):
    refused(
        BY_THE_TRIGGER,
        "CREATE ROLE mallory",
        "GRANT ALL ON audit_entry, audit_link TO mallory",
        "SET LOCAL ondol.audit_retention = 'on'",
        "SET LOCAL ROLE mallory",
        "DELETE FROM audit_entry",
    )


IN_POSTGRESQL = [
    "UPDATE audit_entry SET id = id + 1000 WHERE id = %s",
    *(f"UPDATE audit_entry SET {name} = 7 WHERE id = %s" for name in ("by_id", "on_id", "job_id")),
    *(
        f"UPDATE audit_entry SET {name} = {name} || 'x' WHERE id = %s"
        for name in ("action", "code", "by_email", "on_email", "source", "address", "agent", "request_id")
    ),
    "UPDATE audit_entry SET outcome = 'failed' WHERE id = %s",
    "UPDATE audit_entry SET at = at + interval '1 microsecond' WHERE id = %s",
    'UPDATE audit_entry SET details = details || \'{"role": "ADMIN"}\' WHERE id = %s',
    "UPDATE audit_entry SET details = details - 'form' WHERE id = %s",
    "DELETE FROM audit_entry WHERE id = %s",
    "DELETE FROM audit_link WHERE entry_id = %s",
    "UPDATE audit_link SET hash = md5(hash) || md5('x') WHERE entry_id = %s",
    "UPDATE audit_link SET entry_id = 0 WHERE entry_id = %s",
    "UPDATE audit_link SET position = 99 WHERE entry_id = %s",
]


def test_edits_by_whoever_can_switch_triggers_off_are_found_and_named(twelve, as_owner, record_property):
    head, tried = linking.current_head(), 0
    for statement in IN_POSTGRESQL:
        for entry in twelve:
            point = transaction.savepoint()
            sql("SET LOCAL session_replication_role = 'replica'")
            sql(statement, entry.pk)
            findings = verify(linking.linked(), [head]).findings
            transaction.savepoint_rollback(point)
            tried += 1
            position = entry.pk - twelve[0].pk + 1
            named = (str(entry.pk), f"position {position}", f"positions {position} ", "1 to 1", "ends at")
            assert any(words in finding for finding in findings for words in named), (statement, findings)
    assert not verify(linking.linked(), [head]).findings
    record_property("told", f"the record: {tried} edits in PostgreSQL, each found")


def test_a_row_that_is_slipped_in_is_seen_as_new_and_not_as_old(twelve, as_owner):
    sql("SET LOCAL session_replication_role = 'replica'")
    forged = Entry.objects.create(pk=twelve[0].pk - 1, action=Action.APPROVE, source="page")
    sql("SET LOCAL session_replication_role = 'origin'")
    assert linking.link() == linking.current_head()
    assert Link.objects.get(entry_id=forged.pk).position == 13


UNREADABLE = {
    "a time without end": ("'infinity'", "details"),
    "a time before all others": ("'0044-03-15 BC'", "details"),
    "a list": ("at", "'[]'"),
    "nothing": ("at", "'null'"),
    "what is nested too deep": ("at", """('{"a":' || repeat('[', 2000) || repeat(']', 2000) || '}')::jsonb"""),
    "a number of 5,000 digits": ("at", """('{"a": -' || repeat('9', 5000) || '}')::jsonb"""),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_mallory_adds_no_row_that_ends_linking_for_ever(twelve, what):
    """Nobody may delete it, so it is refused where it comes in."""
    at, details = UNREADABLE[what]
    others = "action, outcome, code, by_email, on_email, source, address, agent, request_id"
    row = f"SELECT {at}, {details}, {others} FROM audit_entry LIMIT 1"
    with connection.cursor() as cursor, pytest.raises(IntegrityError), transaction.atomic():
        cursor.execute(f"INSERT INTO audit_entry (at, details, {others}) {row}")
    write(Action.KEY_READ)
    assert linking.link().position == 13


IN_THE_WAY = {
    "a position far ahead": "INSERT INTO audit_link SELECT 9223372036854775807, max(id), %s FROM audit_entry",
    "a position that leaves a gap": "INSERT INTO audit_link VALUES (15, (SELECT max(id) FROM audit_entry), %s)",
    "a position before all": "INSERT INTO audit_link VALUES (0, (SELECT max(id) FROM audit_entry), %s)",
    "a link of a row to come": "INSERT INTO audit_link SELECT 13, max(id) + 5, %s FROM audit_entry",
    "a link of no row": "INSERT INTO audit_link VALUES (13, -5, %s)",
    "two links of which one is too far": "INSERT INTO audit_link SELECT 12 + n * n, e.id, %s FROM audit_entry e,"
    " generate_series(1, 2) n WHERE e.id = (SELECT max(id) FROM audit_entry)",
    "an id to come": "INSERT INTO audit_entry (id, {others}) SELECT max(id) + 3, {others} FROM audit_entry"
    " WHERE code <> %s GROUP BY {others} LIMIT 1",
    "ids to come, after one that was given": "INSERT INTO audit_entry (id, {others})"
    " SELECT nextval('audit_entry_id_seq') + n, {others} FROM audit_entry, generate_series(1, 40) n WHERE code <> %s",
    "an id that never comes": "INSERT INTO audit_entry (id, {others}) SELECT 4611686018427387904, {others}"
    " FROM audit_entry WHERE code <> %s LIMIT 1",
    "an id of before": "INSERT INTO audit_entry (id, {others}) SELECT -1, {others} FROM audit_entry"
    " WHERE code <> %s LIMIT 1",
    "a number set back": "SELECT setval('audit_entry_id_seq', 1), %s",
}  # fmt: skip


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_mallory_adds_no_row_in_the_way_of_those_to_come(twelve, what):
    write(Action.KEY_READ)
    others = ", ".join(name for name in FIELDS if name != "id")
    with pytest.raises(DatabaseError), transaction.atomic():
        sql(IN_THE_WAY[what].format(others=others), "0" * 64)
    written = [write(Action.KEY_READ) for _ in range(5)]
    assert linking.link().position == 18
    assert Link.objects.filter(entry_id__in=[entry.pk for entry in written]).count() == 5
    assert not verify(linking.linked()).findings


def test_a_row_has_no_more_than_a_page_of_details(twelve):
    write(Action.KEY_READ, told="é" * 30_000)
    with pytest.raises(IntegrityError), transaction.atomic():
        write(Action.KEY_READ, told="é" * 40_000)
    assert linking.link().position == 13


def test_whoever_verifies_is_told_of_rows_that_nobody_links(twelve, capsys):
    verify_it = partial(audit.run, argparse.Namespace(what="verify", head=[]))
    for age, code in ((0, 0), (59, 0), (61, 1)):
        Entry.objects.create(action=Action.KEY_READ, source="page", at=clock.now() - timedelta(seconds=age))
        assert verify_it() == code, age
    assert "linking has ended" in capsys.readouterr().out
    linking.link()
    assert verify_it() == 0
    assert "Nothing was changed" in capsys.readouterr().out


@pytest.mark.parametrize("position", [[], {}, None, "12"])
def test_a_retention_that_mallory_makes_up_does_not_end_a_verification(twelve, position):
    write(Action.PRUNE, position=position, hash={})
    linking.link()
    assert not verify(linking.linked()).findings


@pytest.mark.usefixtures("committed")
def test_entries_that_commit_out_of_order_and_by_many_workers_are_linked_once():
    def some(n):
        def act():
            with transaction.atomic():
                write(Action.SIGN_IN, n=n)
                linking.link() if n % 2 else None

        return act

    together(*(some(n) for n in range(8)), linking.link, linking.link)
    linking.link()
    assert linking.unlinked().count() == 0
    verdict = verify(linking.linked())
    assert verdict.count == 8
    assert not verdict.findings


def test_old_rows_go_and_what_stays_can_be_verified(twelve, as_owner):
    sql("SET LOCAL session_replication_role = 'replica'")
    for position, entry in enumerate(twelve):
        sql("UPDATE audit_entry SET at = %s WHERE id = %s", clock.now() - timedelta(days=300 - position), entry.pk)
    sql("DELETE FROM audit_link")
    sql("SET LOCAL session_replication_role = 'origin'")
    kept = linking.link(everything=True)
    assert prune(clock.now() - timedelta(days=295, hours=12)) == 5
    linking.link()
    verdict = verify(linking.linked(), [kept])
    assert verdict.begins_after.position == 5
    assert verdict.count == 8  # seven that stay, and the one about the retention
    assert not verdict.findings
    assert prune(clock.now() - timedelta(days=295, hours=12)) == 0
    sql("SET LOCAL session_replication_role = 'replica'")
    sql("DELETE FROM audit_entry WHERE action = %s", Action.PRUNE)
    assert any("no retention says so" in finding for finding in verify(linking.linked()).findings)


def test_the_head_in_the_file_is_never_lost_to_a_record_that_does_not_lead_to_it(twelve, caplog):
    kept = linking.kept_head()
    assert kept == linking.current_head()
    with role.owner():
        sql("SET LOCAL session_replication_role = 'replica'")
        sql("DELETE FROM audit_link WHERE position > 6")
        sql("DELETE FROM audit_entry WHERE id > %s", twelve[5].pk)
        sql("SET LOCAL session_replication_role = 'origin'")
    write(Action.SIGN_IN)
    linking.link()
    assert linking.kept_head() == kept
    assert "is not in the record" in caplog.text


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_hundred_thousand_rows_are_verified_in_seconds(db, record_property):
    told = {"operation": "StartInstances", "address": "203.0.113.24"}
    rows = (Entry(action=Action.AWS, source="worker", details=told | {"n": n}) for n in range(10**5))
    Entry.objects.bulk_create(rows, batch_size=5000)
    began = time.perf_counter()
    while linking.link(everything=True):
        pass
    linked = time.perf_counter()
    assert verify(linking.linked()).count == 10**5
    verified = time.perf_counter()
    took = f"linked in {linked - began:.1f} s, verified in {verified - linked:.1f} s"
    record_property("told", f"the record: 100,000 rows {took}")
    assert verified - linked < 30
