"""The pages on which people choose the key of their next machine, and replace that of the one they have."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from ondol.accounts.models import User
from ondol.accounts.recent import signed_in_recently
from ondol.instances import own_keys
from ondol.instances.errors import ActionError
from ondol.instances.key_replacement import replace_key
from ondol.instances.models import KeyOrigin
from ondol.web.guards import PersonRequest, approved
from ondol.web.key.forms import PublicKeyForm
from ondol.web.key.page import KeyPage, ReplacePage
from ondol.web.step_up.middleware import ask


@dataclass(frozen=True)
class _Use:
    """The purpose for which a key is given."""

    page: type[KeyPage] | type[ReplacePage]
    save: Callable[[User, str, KeyOrigin], object]
    told: Promise


_NEXT = _Use(KeyPage, own_keys.choose, _("Saved. Your next machine has this key."))
_NOW = _Use(ReplacePage, replace_key, _("The key of your machine is being replaced."))


@require_http_methods(["GET", "POST"])
@approved
def key_choice(request: PersonRequest) -> HttpResponse:
    """Show the choice for the next machine, and save it."""
    return _choice(request, _NEXT)


@require_http_methods(["GET", "POST"])
@approved
def key_replace(request: PersonRequest) -> HttpResponse:
    """Show the choice for the machine that is there, and let its key be replaced."""
    return _choice(request, _NOW)


def _choice(request: PersonRequest, use: _Use) -> HttpResponse:
    """Show the choice, and save it.

    A recent sign-in is required before the form is shown: what is pasted must not wait in a session, since it may be a
    private key by mistake, and a key that the browser has made would be lost with the page.
    """
    if request.method != "POST":
        if not signed_in_recently(request):
            return ask(request, request.get_full_path())
        return use.page(request.user, PublicKeyForm()).answer(request)
    origin = request.POST.get("origin")
    if origin == KeyOrigin.AWS:
        return _saved(request, use, "", KeyOrigin.AWS) or use.page(request.user, PublicKeyForm()).answer(request)
    form = PublicKeyForm(request.POST)
    if not form.is_valid():
        return _again(request, use, form)
    kind = KeyOrigin.BROWSER if origin == KeyOrigin.BROWSER else KeyOrigin.OWN
    return _saved(request, use, form.cleaned_data["public_key"], kind, form) or _again(request, use, form)


def _saved(
    request: PersonRequest, use: _Use, text: str, origin: KeyOrigin, form: PublicKeyForm | None = None
) -> HttpResponse | None:
    try:
        use.save(request.user, text, origin)
    except ActionError as error:
        told = f"{error.message} {error.hint}".strip()
        if form is None:
            messages.error(request, told)
        else:
            form.add_error("public_key", told)
        return None
    messages.success(request, str(use.told))
    return redirect("dashboard")


def _again(request: PersonRequest, use: _Use, form: PublicKeyForm) -> HttpResponse:
    """Show the errors, and not what was typed: it may be a private key."""
    again = PublicKeyForm({"public_key": ""})
    again.errors.clear()
    for error in form.errors.get("public_key", []):
        again.add_error("public_key", error)
    return use.page(request.user, again).answer(request)
