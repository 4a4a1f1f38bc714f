"""Administration: which rules hold, for everybody and for single people."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from ondol.accounts.models import User
from ondol.autostop.policies import set_policy
from ondol.policy.models import Policy, PolicyChange
from ondol.policy.rules import beneath, rules_of, says_anything
from ondol.web.activity.lines import policy_lines
from ondol.web.guards import PersonRequest, administrator
from ondol.web.policy.facts import facts_of
from ondol.web.policy.form import PolicyForm, initial


@require_http_methods(["GET", "HEAD", "POST"])
@administrator
def everybody(request: PersonRequest) -> HttpResponse:
    """Of all who have none of their own, and who those others are."""
    return _policy(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@administrator
def person(request: PersonRequest, pk: int) -> HttpResponse:
    """Of one person."""
    return _policy(request, get_object_or_404(User, pk=pk))


def _others() -> list[Policy]:
    own = Policy.objects.exclude(owner=None).select_related("owner").order_by("owner__name")
    return [policy for policy in own if says_anything(policy)]


def _policy(request: PersonRequest, owner: User | None) -> HttpResponse:
    pk = owner.pk if owner else None
    kept = Policy.objects.filter(owner=owner).first()
    form = PolicyForm(request.POST or None, initial=initial(kept), beneath=beneath(pk))
    if request.method == "POST" and form.is_valid():
        if set_policy(owner, request.user, form.values()):
            messages.success(request, _("Saved. Machines that run get the new rule within a minute."))
        return redirect("admin_policy_person", pk) if owner else redirect("admin_policy")
    context = {
        "person": owner,
        "form": form,
        "rules": rules_of(pk),
        "rule_facts": facts_of(rules_of(pk)),
        "others": [] if owner else _others(),
        "changes": policy_lines(PolicyChange.objects.filter(owner=owner).select_related("owner", "by")[:20]),
    }
    return render(request, "policy/page.html", context)
