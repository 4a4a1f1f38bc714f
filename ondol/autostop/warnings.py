"""The e-mail before a stop. Its link keeps the machine awake for an hour: once, for this run, and expires soon."""

from datetime import datetime, timedelta

from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.db.models import DateTimeField, DurationField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Value
from django.urls import reverse
from django.utils.translation import gettext as _

from ondol import clock
from ondol.accounts.mail import write
from ondol.accounts.models import Approval
from ondol.autostop import awake
from ondol.autostop.models import CpuReading, StopWarning
from ondol.autostop.outlook import SOON, Outlook, outlook, outlooks
from ondol.autostop.schedule import closing
from ondol.config import config
from ondol.instances.errors import ActionError
from ondol.instances.models import Instance
from ondol.instances.states import Status
from ondol.outbox.jobs import send_later
from ondol.policy.rules import Rules, rules_for, rules_of
from ondol.policy.threshold import Threshold
from ondol.whom_to_ask import ask

TASK = "ondol.autostop.letter"
AHEAD = SOON + timedelta(minutes=2)
"""The time before the earliest stop at which we write: the e-mail is on its way before pages warn."""
MOVED = timedelta(minutes=15)
"""A stop that is put off by so much counts as another one, and gets another e-mail."""
KEPT = timedelta(days=30)
"""A link is shown as out of date for this long; after that, it is unknown."""
SPAN, VALID = timedelta(hours=1), timedelta(hours=1)
"""The time for which a link keeps a machine awake; the time after the stop until which it may be used."""
_MINUTE = timedelta(minutes=1)
_signer = Signer(salt="ondol.autostop.awake", sep=".")


def check() -> None:
    """Warn owners of machines that stop soon. It may run twice. One query while nothing runs, else three for all."""
    now = clock.now()
    rows = list(_runs_without_letter(now))
    if not rows:
        return
    rules = rules_for({row.owner_id for row in rows})
    near = [row for row in rows if _may_idle_out(row, now) or _may_close(row, rules[row.owner_id], now)]
    for seen in outlooks(near, rules, now).values():
        if _is_near(seen):
            _warn(seen)


def send(warning: StopWarning) -> None:
    """Write the e-mail. If it is out of date, delete the warning, since nobody was warned."""
    row, owner = warning.instance, warning.instance.owner
    rules = rules_of(owner.pk)
    seen = outlook(row, rules)
    if not seen or not _is_near(seen) or row.run.launched_at != warning.launched_at or not owner.is_approved:
        warning.delete()
        return
    context = {
        "seen": seen,
        "threshold": Threshold.armed(row.run.armed_cpu_percent, row.size.instance_type),
        "rules": rules,
        "link": config().url + reverse("awake_link", args=[token_of(warning)]) if rules.awake_hours else "",
        "page": config().url + reverse("dashboard"),
    }
    write(owner, "stop", context)


def token_of(warning: StopWarning) -> str:
    """Return the secret of its link: its number, and a signature over that, its person and its run. Never stored."""
    return f"{warning.pk}.{_signer.signature(_bound_to(warning))}"


def warning_of(token: str) -> StopWarning:
    """Return the warning of a link, used or not; raise ActionError (404) for a link that we have not made."""
    try:
        number, _dot, signature = token.partition(".")
        warning = StopWarning.objects.select_related("instance__owner", "instance__run").get(pk=int(number))
        _signer.unsign(f"{_bound_to(warning)}.{signature}")
        return warning
    except (BadSignature, ValueError, OverflowError, StopWarning.DoesNotExist):
        hint = _("Open the link exactly as in the e-mail, or go to your machine.")
        raise ActionError("unknown_link", _("This link is not known"), hint, 404) from None


def _bound_to(warning: StopWarning) -> str:
    """Return what a link is bound to: not valid for a later owner of the machine, nor for a later run."""
    return f"{warning.pk}:{warning.instance.owner_id}:{warning.launched_at.timestamp():.6f}"


def require_usable(warning: StopWarning) -> None:
    """Raise ActionError with 403, 409 or 410 if a link has no effect any more."""
    row = warning.instance
    if not row.owner.is_approved:
        raise ActionError("not_approved", _("Your account is suspended"), ask(_("Talk to an administrator.")), 403)
    if warning.used_at:
        raise _used()
    if row.status != Status.RUNNING:
        raise ActionError("not_running", _("Your machine is not running"), _("It has stopped meanwhile."))
    if row.run.launched_at != warning.launched_at:
        raise ActionError("other_run", _("This link is out of date"), _("Your machine has been started again since."))
    if clock.now() > warning.stops_at + VALID:
        raise ActionError(
            "expired_link", _("This link has expired"), _("The stop that it warned about has passed."), 410
        )
    awake.require_allowed(row.owner)


@transaction.atomic
def use(warning: StopWarning) -> Instance:
    """Keep the machine awake for an hour from now; a longer wish stays as it is. Works once."""
    row = Instance.objects.select_for_update(of=["self"]).select_related("owner").get(pk=warning.instance_id)
    warning.instance = row
    require_usable(warning)
    now = clock.now()
    if not StopWarning.objects.filter(pk=warning.pk, used_at=None).update(used_at=now):
        raise _used()  # by another click, a moment ago
    if row.run.awake_until and row.run.awake_until >= now + SPAN:
        return row
    return awake.keep_awake(row.owner, now + SPAN)


def prune() -> None:
    """Delete warnings of runs that ended long ago; those of a present run prevent a second warning."""
    of_this_run = Q(launched_at=F("instance__run__launched_at"))
    StopWarning.objects.filter(stops_at__lt=clock.now() - KEPT).exclude(of_this_run).delete()


def _runs_without_letter(now: datetime) -> QuerySet[Instance]:
    """Return machines whose next e-mail may be due; `has_worked`: so recently that they do not soon stop for idling."""
    runs = Instance.objects.filter(status=Status.RUNNING, run__launched_at__isnull=False, owner__is_active=True)
    of_this_run = StopWarning.objects.filter(instance=OuterRef("pk"), launched_at=OuterRef("run__launched_at"))
    window = ExpressionWrapper(OuterRef("run__armed_idle_minutes") * Value(_MINUTE), DurationField())
    since = ExpressionWrapper(Value(now + AHEAD, DateTimeField()) - window, DateTimeField())
    limit = OuterRef("run__armed_cpu_percent")
    work = CpuReading.objects.filter(instance=OuterRef("pk"), at__gt=since, percent__gte=limit)
    return (
        runs.filter(owner__approval=Approval.APPROVED)
        .exclude(Exists(of_this_run.filter(stops_at__gt=now + AHEAD - MOVED)))
        .annotate(has_worked=Exists(work))
        .select_related("run")
    )


def _may_idle_out(row: Instance, now: datetime) -> bool:
    if row.run.armed_at is None or getattr(row, "has_worked", False):
        return False
    return row.run.armed_at + row.run.warm_up_minutes * _MINUTE <= now + AHEAD


def _may_close(row: Instance, rules: Rules, now: datetime) -> bool:
    close = closing(row, rules.hours, now)
    return close is not None and close.stops_at <= now + AHEAD


def _is_near(seen: Outlook) -> bool:
    return seen.left is not None and seen.left <= AHEAD


def _warn(seen: Outlook) -> None:
    """Store the warning, and enqueue its e-mail, unless that has been done."""
    row, stops_at, launched_at = seen.instance, seen.stops_at, seen.instance.run.launched_at
    if stops_at is None or launched_at is None:
        return
    with transaction.atomic():
        Instance.objects.select_for_update().get(pk=row.pk)  # another worker may do the same
        last = StopWarning.objects.filter(instance=row, launched_at=launched_at).order_by("stops_at").last()
        # An overdue stop is shown as "now", so its time moves on; it is not another stop.
        if last and (stops_at < last.stops_at + MOVED or stops_at <= seen.now):
            return
        warning = StopWarning.objects.create(
            instance=row, launched_at=launched_at, stops_at=stops_at, is_closing=seen.is_closing_first
        )
        send_later(TASK, warning=warning.pk)


def _used() -> ActionError:
    return ActionError("used_link", _("This link has been used"), _("It works once."), 410)
