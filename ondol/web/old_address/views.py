"""The link in the e-mail to an old address. Whoever has the link may use it, whoever is signed in."""

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from ondol.accounts import old_address as changes
from ondol.accounts.people import AccountError
from ondol.language import chosen_in
from ondol.web.old_address.page import OldAddressPage


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def old_address(request: HttpRequest, token: str) -> HttpResponse:
    """Show the page, which changes nothing, since mail scanners open links too; the button takes the change back."""
    try:
        change = changes.read(token)
        if not chosen_in(request):
            translation.activate(change.user.language)
        if request.method == "POST":
            return OldAddressPage(changes.take_back(token), is_done=True).answer(request)
    except AccountError as error:
        return OldAddressPage(refusal=str(error)).answer(request, error.status)
    return OldAddressPage(change).answer(request)
