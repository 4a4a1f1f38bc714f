"""Your own account: name, language, API tokens."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_http_methods, require_POST

from ondol.accounts.models import User
from ondol.accounts.people import AccountError
from ondol.accounts.places import is_here
from ondol.accounts.ssh_addresses import address_of
from ondol.accounts.tokens import create_token, revoke
from ondol.audit.record import Action, write
from ondol.language import remember
from ondol.web.account.forms import AccountForm, LanguageForm, TokenForm
from ondol.web.account.page import AccountPage, TokenPage
from ondol.web.guards import PersonRequest, approved


@require_http_methods(["GET", "HEAD", "POST"])
@approved
def account(request: PersonRequest) -> HttpResponse:
    """Show and change what people may change about themselves."""
    # A copy: an invalid form has written its values into the object, and the page header shows the person's name.
    form = AccountForm(request.POST or None, instance=User.objects.get(pk=request.user.pk))
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            person = form.save()
            if form.changed_data:
                write(Action.DETAILS, by=request.user, on=request.user, fields=form.changed_data)
        with override(person.language):
            messages.success(request, _("Saved."))
        return remember(redirect("account"), person.language)
    page = AccountPage(request.user, form, TokenForm(request.user))
    page.address = address_of(request)
    return page.answer(request)


@require_POST
@approved
def create_api_token(request: PersonRequest) -> HttpResponse:
    """Make a token and show it, once: it is on this answer and nowhere else."""
    form = TokenForm(request.user, request.POST)
    if not form.is_valid():
        return AccountPage(request.user, AccountForm(instance=request.user), form).answer(request)
    try:
        token = create_token(request.user, *(form.cleaned_data[name] for name in ("name", "scopes", "days")))
    except AccountError as error:
        form.add_error("name", str(error))
        return AccountPage(request.user, AccountForm(instance=request.user), form).answer(request)
    return TokenPage(form.cleaned_data["name"], token).answer(request)


@require_POST
@approved
def revoke_api_token(request: PersonRequest, pk: int) -> HttpResponse:
    """Revoke one of the reader's own tokens; those of others are not found."""
    if revoke(request.user, pk):
        messages.success(request, _("The token has been revoked."))
    return redirect("account")


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Set the language: in the browser, and in the account of a signed-in person."""
    form = LanguageForm(request.POST)
    if not form.is_valid():
        return redirect("dashboard")
    chosen, target = form.cleaned_data["language"], form.cleaned_data["next"]
    if request.user.is_authenticated:
        with transaction.atomic():
            if User.objects.filter(pk=request.user.pk).exclude(language=chosen).update(language=chosen):
                write(Action.DETAILS, by=request.user, on=request.user, fields=["language"])
    is_choice = not request.user.is_authenticated  # the account keeps it; the next person to sign in is somebody else
    return remember(redirect(target if is_here(request, target) else "/"), chosen, is_choice=is_choice)
