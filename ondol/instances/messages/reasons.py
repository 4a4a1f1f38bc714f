"""Why a machine is in its status, in words: everything that is said about a `Reason`, in one row for each."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext_lazy as _

from ondol.instances.messages.statuses import STATUSES
from ondol.instances.messages.texts import ASK, LIMIT, NO_CAPACITY, TRY_THEN_ASK, Explanation, Text
from ondol.instances.states import Reason, Status
from ondol.whom_to_ask import ask_lazily


@dataclass(frozen=True, slots=True)
class ReasonMessages:
    """The words for one reason, and how pages treat it."""

    short: Text
    """The words in the activity list; empty where the name of a person says it."""
    in_history: Text
    """The words after the event in the history; empty where the name of a person, or nothing, stands there."""
    sentences: Mapping[Status, Explanation] = field(default_factory=dict)
    """The explanation for each status that is entered for this reason and needs one."""
    event: Text = ""
    """The event in the history, for reasons without a change of status."""
    listed: Text = ""
    """The same in the activity list."""
    stopped_by: Text = ""
    """Who has stopped it, where the worker has only noticed; empty where somebody asked Ondol for it."""
    is_by_itself: bool = False
    """Nobody asked for it: a rule did it."""
    needs_reference: bool = False
    """Its reader may have to ask an administrator."""
    code_says_more: bool = False
    """It comes with AWS's error code, which may have better words: `codes.refusal`."""


_IDLE = Explanation(_("It was idle: its CPU stayed below %(core)s%% of one core for %(minutes)s minutes."))
_INSIDE = Explanation(_("It was shut down from inside, for example with “sudo poweroff”."))
_STOPPED_OUTSIDE = Explanation(_("It was stopped outside Ondol, for example in the AWS console."))
_HOURS_OVER = _("The hours at which machines may run are over.")
_NOT_APPROVED = _("The account is suspended.")
_SUSPENDED_BEFORE = Explanation(_("The account was suspended before the machine was created."))
_BUDGET_USED = _("This month’s budget is used up.")
UNKNOWN_MACHINE = Explanation(
    _("There is a machine of yours in AWS that this database does not know."),
    ask_lazily(_("An administrator has to look at it first: `ondol sweep` shows it.")),
)

REASONS: dict[Reason, ReasonMessages] = {
    # --- what people and rules ask for
    Reason.PERSON: ReasonMessages(
        short="",
        in_history="",
        sentences={
            Status.STOPPING: Explanation(_("You asked for it.")),
            Status.STOPPED: Explanation(_("You stopped it.")),
        },
    ),
    Reason.ADMIN: ReasonMessages(
        short="",
        in_history="",
        sentences={
            Status.STOPPING: Explanation(_("An administrator asked for it.")),
            Status.STOPPED: Explanation(_("An administrator stopped it.")),
            Status.TERMINATING: Explanation(_("An administrator is deleting this machine.")),
            Status.TERMINATED: Explanation(_("An administrator deleted it.")),
        },
    ),
    Reason.IDLE: ReasonMessages(
        short=_("idle"),
        in_history=_("it was idle"),
        sentences={Status.STOPPING: _IDLE, Status.STOPPED: _IDLE},
        is_by_itself=True,
        stopped_by="AWS",
    ),
    Reason.BUDGET: ReasonMessages(
        short=_("budget used up"),
        in_history=_("the month’s budget was used up"),
        sentences={
            Status.STOPPING: Explanation(_BUDGET_USED),
            Status.STOPPED: Explanation(
                _BUDGET_USED, _("It can run again next month, or when an administrator raises the budget.")
            ),
        },
        is_by_itself=True,
    ),
    Reason.SCHEDULE: ReasonMessages(
        short=_("hours over"),
        in_history=_("the hours were over"),
        sentences={
            Status.STOPPING: Explanation(_HOURS_OVER),
            Status.STOPPED: Explanation(
                _HOURS_OVER,
                _("You can still start it: then it runs until it is idle, or until the next closing time."),
            ),
        },
        is_by_itself=True,
    ),
    Reason.NOT_APPROVED: ReasonMessages(
        short=_("account suspended"),
        in_history=_("the account was suspended"),
        sentences={
            Status.STOPPING: Explanation(_NOT_APPROVED),
            Status.STOPPED: Explanation(
                _NOT_APPROVED, _("It can be started again as soon as an administrator has approved the account.")
            ),
            Status.TERMINATING: _SUSPENDED_BEFORE,
            Status.TERMINATED: _SUSPENDED_BEFORE,
        },
        is_by_itself=True,
    ),
    # --- what others do
    Reason.INSIDE: ReasonMessages(
        short=_("from inside"),
        in_history=_("shut down from inside, for example with “sudo poweroff”"),
        sentences={Status.STOPPING: _INSIDE, Status.STOPPED: _INSIDE},
        stopped_by=_("the machine itself"),
    ),
    Reason.OUTSIDE: ReasonMessages(
        short=_("outside Ondol"),
        in_history=_("outside Ondol, for example in the AWS console"),
        sentences={
            Status.RUNNING: Explanation(
                _("It was started outside Ondol, for example in the AWS console."),
                _("You can use it as always; auto-stop is on."),
            ),
            Status.STOPPING: _STOPPED_OUTSIDE,
            Status.STOPPED: _STOPPED_OUTSIDE,
            Status.TERMINATING: Explanation(_("The server was deleted outside Ondol, for example in the AWS console.")),
            Status.TERMINATED: Explanation(_("It was deleted outside Ondol.")),
        },
        stopped_by="AWS",
    ),
    # --- what was wished has happened, or nobody knows why
    Reason.DONE: ReasonMessages(short="", in_history=""),
    Reason.UNKNOWN: ReasonMessages(short="", in_history="", stopped_by="AWS"),
    # --- another type or disk
    Reason.RESIZED: ReasonMessages(short="", in_history="", event=_("Size changed"), listed=_("machine: size changed")),
    Reason.SIZE_REFUSED: ReasonMessages(
        short="", in_history=_("AWS refused it"), event=_("Size not changed"), listed=_("machine: size not changed")
    ),
    # --- it runs, but not as it should
    Reason.UNREACHABLE: ReasonMessages(
        short=_("SSH not answering yet"),
        in_history=_("its SSH did not answer yet"),
        sentences={
            Status.RUNNING: Explanation(
                _("The server runs, but its SSH has not answered yet."),
                _("Try to connect in a minute or two. If that fails, stop the machine and start it again."),
            )
        },
    ),
    Reason.UNARMED: ReasonMessages(
        short=_("auto-stop not set"),
        in_history=_("without auto-stop: AWS did not accept it"),
        sentences={
            Status.RUNNING: Explanation(
                _("AWS did not accept auto-stop for it, so it runs without."),
                _("You can use it as always. Stop it yourself when you are done; Ondol keeps trying meanwhile."),
            )
        },
        needs_reference=True,
    ),
    Reason.STOP_FAILED: ReasonMessages(
        short=_("stop failed"),
        in_history=_("AWS did not stop it"),
        sentences={
            Status.RUNNING: Explanation(
                _("AWS did not stop it in time, so it is still running."),
                ask_lazily(_("Stop it once more. If it happens twice, tell an administrator.")),
            )
        },
        needs_reference=True,
        code_says_more=True,
    ),
    # --- it could not be made or started
    Reason.UNKNOWN_MACHINE: ReasonMessages(
        short=_("unknown machine in AWS"),
        in_history=_("there is a machine that this database does not know"),
        sentences={
            Status.FAILED: UNKNOWN_MACHINE,
        },
    ),
    Reason.TOO_LATE: ReasonMessages(
        short=_("too late"),
        in_history=_("AWS did not finish in time"),
        sentences={
            Status.STOPPED: Explanation(_("AWS did not start it in time, so the start was given up."), TRY_THEN_ASK),
            Status.FAILED: Explanation(_("AWS did not create the server in time."), TRY_THEN_ASK),
        },
        needs_reference=True,
        code_says_more=True,
    ),
    Reason.LAUNCH_FAILED: ReasonMessages(
        short=_("launch failed"),
        in_history=_("AWS terminated it while it was being created"),
        sentences={
            Status.FAILED: Explanation(_("AWS terminated the server while it was being created."), TRY_THEN_ASK),
        },
        needs_reference=True,
        code_says_more=True,
    ),
    Reason.START_UNDONE: ReasonMessages(
        short=_("start undone"),
        in_history=_("AWS accepted the start and took it back"),
        sentences={
            Status.STOPPED: Explanation(_("AWS accepted the start, and took it back twice."), TRY_THEN_ASK),
        },
        needs_reference=True,
        code_says_more=True,
    ),
    Reason.NO_CAPACITY: ReasonMessages(
        short=_("no capacity"),
        in_history=_("AWS had no free server of this type"),
        sentences={Status.STOPPED: NO_CAPACITY, Status.FAILED: NO_CAPACITY},
        needs_reference=True,
        code_says_more=True,
    ),
    Reason.QUOTA: ReasonMessages(
        short=_("quota"),
        in_history=_("the limit of the AWS account was reached"),
        sentences={
            Status.STOPPED: LIMIT,
            Status.FAILED: LIMIT,
        },
        needs_reference=True,
        code_says_more=True,
    ),
    Reason.REFUSED: ReasonMessages(
        short=_("refused"),
        in_history=_("AWS refused it"),
        sentences={
            Status.STOPPED: Explanation(
                _("AWS refused the start: a permission or a setting is missing on our side."), ASK
            ),
            Status.FAILED: Explanation(
                _("AWS refused to create it: a permission or a setting is missing on our side."), ASK
            ),
        },
        needs_reference=True,
        code_says_more=True,
    ),
}
ARMING_SOON = _("Auto-stop is being set for it.")
"""The next step of a machine that was started outside Ondol, until its alarm is set."""


def explanation(status: Status, reason: Reason) -> Explanation | None:
    """Return why a machine is in `status`; None where the status says it all."""
    return REASONS[reason].sentences.get(status) or STATUSES[status].otherwise
