"""People with an invisible character in their address could not sign in with it as read, and others could take that."""

from django.db import migrations

from ondol.accounts.text import find_address


def clean_addresses(apps, schema_editor):
    """Clean the addresses, but for those whose clean form somebody else has: they stay valid as they were typed."""
    User = apps.get_model("accounts", "User")
    EmailAddress = apps.get_model("account", "EmailAddress")
    for user in User.objects.only("email").iterator():
        seen = find_address(user.email)
        if seen == user.email or User.objects.filter(email__iexact=seen).exists():
            continue
        if EmailAddress.objects.filter(email__iexact=seen).exists():
            continue
        EmailAddress.objects.filter(user=user, email__iexact=user.email).update(email=seen)
        User.objects.filter(pk=user.pk).update(email=seen)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_small_letters"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [migrations.RunPython(clean_addresses, migrations.RunPython.noop)]
