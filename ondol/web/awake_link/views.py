"""The link in a letter about a stop. It is the permission itself: who opens it need not have signed in."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from ondol import clock
from ondol.autostop import warnings
from ondol.autostop.models import StopWarning
from ondol.instances.actions import ActionError
from ondol.policy.rules import rules_of
from ondol.web.stop_notice import sight_on


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def awake_link(request: HttpRequest, token: str) -> HttpResponse:
    """A look changes nothing, since mail scanners look too; the button keeps the machine awake, once."""
    warning = None
    try:
        warning = warnings.warning_of(token)
        _speak_as_its_owner(request, warning)
        if request.method == "POST":
            warning.instance = warnings.use(warning)
            return _page(request, warning)
        warnings.require_usable(warning)
    except ActionError as error:
        return _page(request, warning, error)
    row = warning.instance
    return _page(request, warning, seen=sight_on(row, rules_of(row.owner_id)), is_open=True)


def _speak_as_its_owner(request: HttpRequest, warning: StopWarning) -> None:
    """Where nobody has signed in and this browser has chosen no language."""
    if not request.user.is_authenticated and settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
        translation.activate(warning.instance.owner.language)


def _page(
    request: HttpRequest, warning: StopWarning | None, error: ActionError | None = None, **more: object
) -> HttpResponse:
    row = warning.instance if warning else None
    owner = row.owner if row else None
    context = {
        "error": error,
        "until": row.kept_awake_until(clock.now()) if row else None,
        "of_another": owner if request.user.is_authenticated and owner != request.user else None,
        "sight": None,  # the page is about this stop already
        **more,
    }
    return render(request, "awake_link/page.html", context, status=error.status if error else 200)
