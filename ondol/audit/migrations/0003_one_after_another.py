from django.db import migrations

GUARD = """
ALTER TABLE audit_entry ADD CONSTRAINT audit_entry_short CHECK (octet_length(details::text) <= 65536) NOT VALID;
CREATE FUNCTION audit_next_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id <> currval(pg_get_serial_sequence(format('%I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME), 'id')) THEN
        RAISE EXCEPTION 'the number of a row of % is the next one, and nobody chooses it', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_entry_next BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION audit_next_entry();
CREATE FUNCTION audit_next_links() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    is_next boolean;
BEGIN
    EXECUTE format($query$
        SELECT count(*) = 0 OR (
            count(*) = max(position) - min(position) + 1
            AND min(position) = 1 + coalesce(
                (SELECT max(position) FROM %1$I.audit_link WHERE position < (SELECT min(position) FROM added)), 0)
            AND bool_and(hash ~ '^[0-9a-f]{64}$')
            AND bool_and(EXISTS (SELECT FROM %1$I.audit_entry WHERE id = entry_id))
        ) FROM added
    $query$, TG_TABLE_SCHEMA) INTO is_next;
    IF NOT is_next THEN
        RAISE EXCEPTION 'rows of % are linked one after another', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_link_next AFTER INSERT ON audit_link REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION audit_next_links();
"""
"""Nobody may delete a row, so one that blocks all later ones would end the record for ever: an id that the sequence has
not given yet, a position far ahead, or details that fill a worker's memory. Rows with the sequence's id are accepted as
before, also from the previous version. The schema is named, since a temporary table would be found first.
"""
UNDO = """
DROP FUNCTION audit_next_links CASCADE;
DROP FUNCTION audit_next_entry CASCADE;
ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_short;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0002_readable'),
    ]

    operations = [
        migrations.RunSQL(GUARD, UNDO),
    ]
