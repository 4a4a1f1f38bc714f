"""Inviting people by a list, and the link in the e-mail that they get."""

from collections import Counter

from allauth.account import app_settings
from allauth.account.utils import user_pk_to_url_str
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from ondol.accounts import invitations
from ondol.accounts.invitations import Fate
from ondol.accounts.models import User
from ondol.accounts.people import AccountError
from ondol.config import config
from ondol.language import chosen_just_now_in, remember
from ondol.web.bulk import back_to, for_each
from ondol.web.guards import PersonRequest, administrator
from ondol.web.invite.form import InviteForm, SendForm
from ondol.web.invite.page import InvitationPage, InvitePage, PreviewPage
from ondol.web.tables import ids_of


@require_http_methods(["GET", "HEAD", "POST"])
@administrator
def invite(request: PersonRequest) -> HttpResponse:
    """Ask for a list, also once more with what was typed; show what will happen with each row. Nothing is done yet."""
    if "edit" in request.POST:
        form = InviteForm(initial={name: request.POST.get(name, "") for name in ("text", "language")})
    else:
        form = InviteForm(request.POST, request.FILES) if request.method == "POST" else InviteForm()
    if not form.is_bound or not form.is_valid():
        return InvitePage(form).answer(request)
    return PreviewPage(invitations.plan(form.cleaned_data["rows"]), form).answer(request)


@require_POST
@administrator
def send(request: PersonRequest) -> HttpResponse:
    """Invite the people of a preview; those who have an account by now are skipped, so it may be done twice."""
    form = SendForm(request.POST)
    if not form.is_valid():
        for error in form.errors["rows"]:
            messages.error(request, str(error))
        return redirect("admin_invite")
    done: Counter[Fate] = Counter()
    for row in form.cleaned_data["rows"]:
        try:
            done[invitations.invite(row, request.user)] += 1
        except AccountError as error:
            messages.error(request, f"{row.email}: {error}")
    _tell(request, done)
    return redirect(f"{reverse('admin_people')}?approval=invited")


@require_POST
@administrator
def again(request: PersonRequest) -> HttpResponse:
    """Send another invitation to selected people."""
    people = ids_of(request.POST.getlist("people"))
    if not people:
        messages.error(request, _("Select at least one row."))
        return back_to(request, "admin_people")
    outcome = for_each(people, lambda pk: invitations.invite_again(pk, request.user))
    outcome.tell(request, _invited)
    return back_to(request, "admin_people")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Say who is invited; the button leads to a password, or to the sign-in by a provider.

    Mail scanners open links too, so that opening it changes nothing.
    """
    try:
        person = invitations.read(token)
        is_spoken = person.invitation.language_is_chosen and not chosen_just_now_in(request)
        if is_spoken and not request.user.is_authenticated:
            translation.activate(person.language)
        if request.method != "POST":
            return InvitationPage(person).answer(request)
        answer = _go_on(request, person, token)
        return remember(answer, person.language) if is_spoken else answer  # the next pages know no reader yet
    except AccountError as error:
        return InvitationPage(None, str(error)).answer(request, error.status)


def _go_on(request: HttpRequest, person: User, token: str) -> HttpResponse:
    if request.user.is_authenticated:
        raise AccountError(_("Somebody has signed in here. Sign out, then open the link again."), "signed_in", 409)
    if config().password_sign_in:
        key = app_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(person)
        return redirect("account_reset_password_from_key", uidb36=user_pk_to_url_str(person), key=key)
    invitations.open_here(request, token)
    text = _("Sign in now: your account %(email)s will be connected with it.") % {"email": person.email}
    messages.info(request, text)
    return redirect("account_login")


def _tell(request: HttpRequest, done: Counter[Fate]) -> None:
    invited, approved = done[Fate.INVITE] + done[Fate.CLAIM], done[Fate.APPROVE]
    left = done.total() - invited - approved
    if invited:
        messages.success(request, _invited(invited))
    if approved:
        text = ngettext("%(count)d person approved. They get an e-mail.",
                        "%(count)d people approved. They get an e-mail.", approved)  # fmt: skip
        messages.success(request, text % {"count": approved})
    if left:
        text = ngettext("%(count)d person was there already, and nothing was done.",
                        "%(count)d people were there already, and nothing was done.", left)  # fmt: skip
        messages.info(request, text % {"count": left})


def _invited(count: int) -> str:
    text = ngettext("%(count)d person invited. They get an e-mail with a link.",
                    "%(count)d people invited. They get an e-mail with a link.", count)  # fmt: skip
    return text % {"count": count}
