"""Changing one's e-mail address: the old one stays until the new one has been confirmed, and is told of both."""

from typing import cast

from allauth.account.forms import AddEmailForm
from allauth.account.internal.flows.email_verification import send_verification_email_to_address
from allauth.account.models import EmailAddress
from django.db import transaction
from django.http import HttpRequest

from ondol.accounts import old_address
from ondol.accounts.addresses import AddressForm
from ondol.accounts.models import User
from ondol.audit.record import Action, asker, write


class ChangeEmailForm(AddressForm, AddEmailForm):
    """Changes an address. allauth's own form would take any unconfirmed address for a change, and remove it."""

    def save(self, request: HttpRequest) -> EmailAddress:
        """Save the new address, and drop an earlier change that is not confirmed: there is one change at a time.

        If somebody else has the address, only they are told, by the job that writes the e-mail.
        """
        person = cast(User, self.user)
        with transaction.atomic():
            EmailAddress.objects.filter(user=person, verified=False).exclude(email=person.email).delete()
            address = EmailAddress.objects.create(user=person, email=self.cleaned_data["email"])
            send_verification_email_to_address(request, address)
            old_address.asked(person, address.email)
            write(Action.EMAIL_WISH, by=asker(), on=person, new=address.email)
        return address
