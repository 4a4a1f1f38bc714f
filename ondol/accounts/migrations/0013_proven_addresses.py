"""The addresses of people whom somebody has approved count as proven: nobody is locked out by an upgrade."""

from django.db import migrations

_EMAIL_MAX = 254
"""The longest address that allauth stores."""


def carry_over(apps, schema_editor):
    """Mark them. Nobody has vouched for people who are pending or rejected: they prove their address at the next
    sign-in."""
    user, address = apps.get_model("accounts", "User"), apps.get_model("account", "EmailAddress")
    for person in user.objects.filter(approval__in=["APPROVED", "SUSPENDED"]).iterator():
        is_taken = address.objects.filter(email__iexact=person.email, verified=True).exists()
        if is_taken or len(person.email) > _EMAIL_MAX:
            continue
        address.objects.filter(user_id=person.pk, primary=True).update(primary=False)
        known = address.objects.filter(user_id=person.pk, email__iexact=person.email).order_by("pk").first()
        row = known or address(user_id=person.pk, email=person.email.lower())
        row.verified = row.primary = True
        row.save()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0012_ssh_addresses"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [migrations.RunPython(carry_over, migrations.RunPython.noop)]
