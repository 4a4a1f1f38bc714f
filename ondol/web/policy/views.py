"""Administration: the default rules, and those of single people."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from ondol.accounts.models import User
from ondol.autostop.policies import RulesChangedError, is_undo, proposed, set_policy, undo, version_of
from ondol.autostop.preview import BusyError, preview
from ondol.instances.errors import ActionError
from ondol.policy.models import Policy, PolicyChange
from ondol.policy.rules import inherited_rules
from ondol.web.guards import PersonRequest, administrator
from ondol.web.policy.form import PolicyForm, initial
from ondol.web.policy.page import PolicyPage
from ondol.web.policy.preview import PreviewCard

_DIGITS = 19
"""Every number with fewer digits fits PostgreSQL's bigint."""


@require_http_methods(["GET", "HEAD", "POST"])
@administrator
def everybody(request: PersonRequest) -> HttpResponse:
    """Show and change the default rules, and list the people who have rules of their own."""
    return _policy(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@administrator
def person(request: PersonRequest, pk: int) -> HttpResponse:
    """Show and change the rules of one person."""
    return _policy(request, get_object_or_404(User, pk=pk))


@require_POST
@administrator
def undo_change(request: PersonRequest, pk: int) -> HttpResponse:
    """Restore what the newest change of some rules has replaced."""
    change = get_object_or_404(PolicyChange.objects.select_related("owner"), pk=pk)
    try:
        applies_again = is_undo(change)
        undo(change, request.user)
        undone = _("Undone. Machines that run get the old rule within a minute.")
        messages.success(request, _("Applied again. Machines follow within a minute.") if applies_again else undone)
    except ActionError as error:
        messages.error(request, error.message)
    except ValidationError as error:  # valid then, but not any more
        messages.error(request, " ".join(error.messages))
    return _back(change.owner)


def _policy(request: PersonRequest, owner: User | None) -> HttpResponse:
    pk = owner.pk if owner else None
    seen = _seen(request)
    version = seen if request.method == "POST" else version_of(owner)  # read before the rules, so it is never newer
    kept = Policy.objects.filter(owner=owner).first()
    form = PolicyForm(request.POST or None, initial=initial(kept), inherited=inherited_rules(pk))
    card = stale = None
    busy = False
    if request.method == "POST" and form.is_valid():
        try:
            if "preview" in request.POST:
                policy, what = proposed(owner, form.values(), seen=seen)
                card = PreviewCard(preview(policy), what)
            else:
                if set_policy(owner, request.user, form.values(), seen=seen):
                    messages.success(request, _("Saved. Machines that run get the new rule within a minute."))
                return _back(owner)
        except ValidationError as error:  # errors that depend on the rules of others
            form.add_error(None, error)
        except BusyError:
            busy = True
        except RulesChangedError as error:
            stale, version = error, error.version  # whoever saves again has seen what is replaced
    return PolicyPage(owner, form, version, card, stale, is_busy=busy).answer(request)


def _seen(request: PersonRequest) -> int:
    """Return the version that the form was made from; 0, older than any change, for an invalid one."""
    said = request.POST.get("seen", "")
    return int(said) if said.isascii() and said.isdecimal() and len(said) < _DIGITS else 0


def _back(owner: User | None) -> HttpResponse:
    return redirect("admin_policy_person", owner.pk) if owner else redirect("admin_policy")
