from django.db import migrations


class Migration(migrations.Migration):
    """People who were added on the command line with capital letters could not sign in."""

    dependencies = [("accounts", "0004_words")]

    operations = [migrations.RunSQL("UPDATE accounts_user SET email = lower(email)", migrations.RunSQL.noop)]
