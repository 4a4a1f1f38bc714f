"""Administration: the default rules, and those of single people."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from ondol.accounts.models import User
from ondol.autostop.policies import set_policy
from ondol.policy.models import Policy
from ondol.policy.rules import inherited_rules
from ondol.web.guards import PersonRequest, administrator
from ondol.web.policy.form import PolicyForm, initial
from ondol.web.policy.page import PolicyPage


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


def _policy(request: PersonRequest, owner: User | None) -> HttpResponse:
    pk = owner.pk if owner else None
    kept = Policy.objects.filter(owner=owner).first()
    form = PolicyForm(request.POST or None, initial=initial(kept), inherited=inherited_rules(pk))
    if request.method == "POST" and form.is_valid():
        try:
            if set_policy(owner, request.user, form.values()):
                messages.success(request, _("Saved. Machines that run get the new rule within a minute."))
        except ValidationError as error:  # what shows only with the rules that are set elsewhere
            form.add_error(None, error)
        else:
            return redirect("admin_policy_person", pk) if owner else redirect("admin_policy")
    return PolicyPage(owner, form).answer(request)
