"""The page on which people choose the key of their next machine."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from ondol.accounts.recent import signed_in_recently
from ondol.instances import own_keys
from ondol.instances.errors import ActionError
from ondol.instances.models import KeyOrigin
from ondol.web.guards import PersonRequest, approved
from ondol.web.key.forms import PublicKeyForm
from ondol.web.key.page import KeyPage
from ondol.web.step_up.middleware import ask


@require_http_methods(["GET", "POST"])
@approved
def key_choice(request: PersonRequest) -> HttpResponse:
    """Show the choice, and save it.

    It asks for a recent sign-in before it shows a form: what is pasted here is not to wait in a session, since it may
    be a private key by mistake, and a key that a browser has made would be gone with the page.
    """
    if request.method != "POST":
        if not signed_in_recently(request):
            return ask(request, request.get_full_path())
        return KeyPage(request.user, PublicKeyForm()).answer(request)
    origin = request.POST.get("origin")
    if origin == KeyOrigin.AWS:
        return _saved(request, "", KeyOrigin.AWS) or KeyPage(request.user, PublicKeyForm()).answer(request)
    form = PublicKeyForm(request.POST)
    if not form.is_valid():
        return _again(request, form)
    kind = KeyOrigin.BROWSER if origin == KeyOrigin.BROWSER else KeyOrigin.OWN
    return _saved(request, form.cleaned_data["public_key"], kind, form) or _again(request, form)


def _saved(
    request: PersonRequest, text: str, origin: KeyOrigin, form: PublicKeyForm | None = None
) -> HttpResponse | None:
    try:
        own_keys.choose(request.user, text, origin)
    except ActionError as error:
        told = f"{error.message} {error.hint}".strip()
        if form is None:
            messages.error(request, told)
        else:
            form.add_error("public_key", told)
        return None
    messages.success(request, _("Saved. Your next machine has this key."))
    return redirect("dashboard")


def _again(request: PersonRequest, form: PublicKeyForm) -> HttpResponse:
    """Show the errors, and not what was typed: it may be a private key."""
    again = PublicKeyForm({"public_key": ""})
    again.errors.clear()
    for error in form.errors.get("public_key", []):
        again.add_error("public_key", error)
    return KeyPage(request.user, again).answer(request)
