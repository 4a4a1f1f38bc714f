"""Administration: the list of people, and decisions about several of them."""

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ondol import clock
from ondol.accounts import people
from ondol.accounts.models import User
from ondol.web.bulk import back_to, for_each
from ondol.web.guards import PersonRequest, administrator
from ondol.web.people.form import DecisionForm
from ondol.web.people.page import PeoplePage, entries_of, table_of
from ondol.web.people.spreadsheet import heads, rows
from ondol.web.spreadsheet import download
from ondol.web.tables import ids_of


@require_GET
@administrator
def people_list(request: PersonRequest) -> HttpResponse:
    """Show pending requests, and everybody."""
    return PeoplePage(request).answer(request)


@require_POST
@administrator
def decide(request: PersonRequest) -> HttpResponse:
    """Approve, reject or suspend one person or several at once."""
    data = request.POST.copy()
    if one := data.get("approve"):  # the button in a row, whatever else is selected
        data["decision"] = "approve"
        data.setlist("people", [one])
    form = DecisionForm(data)
    if not form.is_valid():
        for error in (str(error) for name, errors in form.errors.items() if name != "reason" for error in errors):
            messages.error(request, error)
        return PeoplePage(request, form).answer(request)
    decision, reason, by = form.cleaned_data["decision"], form.cleaned_data["reason"], request.user

    def act(pk: int) -> User:
        match decision:
            case "approve":
                return people.approve(pk, by)
            case "reject":
                return people.reject(pk, by, reason)
        return people.suspend(pk, by, reason)

    outcome = for_each(form.cleaned_data["people"], act)
    outcome.tell(request, lambda count: _decided(decision, count))
    if not outcome.done:
        return PeoplePage(request, form).answer(request)
    return back_to(request, "admin_overview" if data.get("from") == "overview" else "admin_people")


@require_http_methods(["GET", "HEAD", "POST"])
@administrator
def spreadsheet(request: PersonRequest) -> HttpResponse:
    """Return people as a file: those whom the address asks for, or those who were selected."""
    named = f"people-{timezone.localdate(clock.now())}"
    if request.method != "POST":
        table = table_of(request.GET)
        found = rows(entries_of(list(table.rows)))
        return download(request, "people", heads(), found, named=named, narrowed_by=table.narrowed_by)
    selected = table_of(QueryDict()).rows.filter(pk__in=ids_of(request.POST.getlist("people")))
    if not selected:
        messages.error(request, _("Select at least one row."))
        return back_to(request, "admin_people")
    return download(request, "people", heads(), rows(entries_of(list(selected))), named=named, selected=True)


def _decided(decision: str, count: int) -> str:
    if decision == "approve":
        text = ngettext("%(count)d person approved. They get an e-mail.",
                        "%(count)d people approved. They get an e-mail.", count)  # fmt: skip
    elif decision == "reject":
        text = ngettext("%(count)d request rejected. They get an e-mail.",
                        "%(count)d requests rejected. They get an e-mail.", count)  # fmt: skip
    else:
        text = ngettext("%(count)d person suspended. They get an e-mail, and their machine stops.",
                        "%(count)d people suspended. They get an e-mail, and their machines stop.", count)  # fmt: skip
    return text % {"count": count}
