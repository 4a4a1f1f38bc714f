"""Administration: an e-mail to selected people."""

from django.contrib import messages
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from ondol.accounts import admin_messages
from ondol.web.bulk import back_to, for_each
from ondol.web.guards import PersonRequest, administrator
from ondol.web.message.form import MessageForm
from ondol.web.message.page import MessagePage
from ondol.web.tables import ids_of


@require_POST
@administrator
def message(request: PersonRequest) -> HttpResponse:
    """Ask for subject and text; with these, send an e-mail to each of the selected people."""
    origin = "machines" if request.POST.get("from") == "machines" else "people"
    people, back = ids_of(request.POST.getlist("people")), request.POST.get("back", "")[:1000]
    form = MessageForm(request.POST if "subject" in request.POST else None)
    if not people:
        messages.error(request, _("Select at least one row."))
        return back_to(request, _LISTS[origin])
    if not form.is_valid():
        return MessagePage(people, form, back, origin).answer(request)
    subject, text = form.cleaned_data["subject"], form.cleaned_data["text"]
    outcome = for_each(people, lambda pk: admin_messages.write_later(request, request.user, pk, subject, text))
    outcome.tell(request, _sent)
    return back_to(request, _LISTS[origin])


_LISTS = {"people": "admin_people", "machines": "admin_fleet"}


def _sent(count: int) -> str:
    text = ngettext("The message goes to %(count)d person.", "The message goes to %(count)d people.", count)
    return text % {"count": count}
