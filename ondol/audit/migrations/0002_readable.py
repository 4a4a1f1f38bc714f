from django.db import migrations

REFUSE = """
ALTER TABLE audit_entry ADD CONSTRAINT audit_entry_readable CHECK (
    at >= '2000-01-01Z' AND at < '9000-01-01Z'
    AND jsonb_typeof(details) = 'object'
    AND NOT jsonb_path_exists(details, '$.**{20 to last}')
    AND NOT jsonb_path_exists(details, '$.** ? (@.type() == "number" && (@ > 1e18 || @ < -1e18))')
) NOT VALID
"""
"""A row that Python cannot read would stop linking and every page of the record for ever, since nobody may delete it:
an infinite time, JSON nested too deep, or a number of thousands of digits. Existing rows are not checked.
"""
UNDO = "ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_readable"


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0001_record'),
    ]

    operations = [
        migrations.RunSQL(REFUSE, UNDO),
    ]
