"""The addresses from which one reaches one's own machine by SSH."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ondol.accounts.people import AccountError
from ondol.accounts.ssh_addresses import address_of, read_range
from ondol.instances import ssh_ranges
from ondol.instances.errors import ActionError
from ondol.web.account.forms import AccountForm, SshAddressForm, TokenForm
from ondol.web.account.page import AccountPage
from ondol.web.guards import PersonRequest, approved


@require_POST
@approved
def add_address(request: PersonRequest) -> HttpResponse:
    """Let the reader's machine be reached from one more range, or from where this request comes from."""
    form = SshAddressForm(request.POST)
    if form.is_valid():
        words = address_of(request) if form.cleaned_data["mine"] else form.cleaned_data["cidr"]
        try:
            ssh_ranges.add(request.user, read_range(words), form.cleaned_data["label"], form.cleaned_data["until"])
        except AccountError as error:
            form.add_error("cidr", str(error))
        except ActionError as error:
            form.add_error("until" if error.code == "past" else "cidr", f"{error.message} {error.hint}".strip())
        else:
            messages.success(request, _("Saved. In a few seconds, your machine can be reached from there."))
            return redirect("account")
    page = AccountPage(request.user, AccountForm(instance=request.user), TokenForm(request.user), form)
    page.address = address_of(request)
    return page.answer(request)


@require_POST
@approved
def remove_address(request: PersonRequest, pk: int) -> HttpResponse:
    """Remove one of the reader's own ranges; those of others are not found."""
    if ssh_ranges.remove(request.user, pk):
        messages.success(request, _("Removed. In a few seconds, nobody can connect from there."))
    return redirect("account")
