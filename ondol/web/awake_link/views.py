"""The link in an e-mail about a stop. Whoever has the link may use it: no sign-in is needed."""

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from ondol.accounts.models import User
from ondol.autostop import warnings
from ondol.autostop.models import StopWarning
from ondol.instances.errors import ActionError
from ondol.language import chosen_in
from ondol.web.awake_link.page import AwakeLinkPage


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def awake_link(request: HttpRequest, token: str) -> HttpResponse:
    """Show the page, which changes nothing, since mail scanners open links too; the button keeps the machine awake,
    once."""
    warning = None
    try:
        warning = warnings.warning_of(token)
        _speak_as_its_owner(request, warning)
        if request.method == "POST":
            warning.instance = warnings.use(warning)
        else:
            warnings.require_usable(warning)
    except ActionError as error:
        return AwakeLinkPage(_reader(request), warning, error=error).answer(request, error.status)
    return AwakeLinkPage(_reader(request), warning, is_open=request.method != "POST").answer(request)


def _speak_as_its_owner(request: HttpRequest, warning: StopWarning) -> None:
    """Use the owner's language if nobody has signed in and nobody has chosen another in this browser."""
    if not request.user.is_authenticated and not chosen_in(request):
        translation.activate(warning.instance.owner.language)


def _reader(request: HttpRequest) -> User | None:
    return request.user if request.user.is_authenticated else None
