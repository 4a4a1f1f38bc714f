from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0015_invitations")]

    operations = [
        migrations.AddField(
            model_name="invitation",
            name="language_is_chosen",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
