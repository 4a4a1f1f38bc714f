"""What shows that a machine works, in words."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from ondol.instances.messages.texts import Text
from ondol.instances.record import Signal


@dataclass(frozen=True, slots=True)
class SignalMessages:
    """The words for one signal; `%(rate)s` is how fast, such as `2.1 MB/s`, and of the CPU `34%`."""

    counts_as: Text
    """The word in the table of the chart."""
    kept_on: Text
    """Why it does not stop."""
    event: Text
    """Its line in the history."""
    last: Text
    """The sentence in the receipt of an idle stop: `%(time)s` is when it ended."""


SIGNALS: dict[Signal, SignalMessages] = {
    Signal.CPU: SignalMessages(
        counts_as=_("active"),
        kept_on=_("It is working, so it does not stop."),
        event=_("Not stopped: it was working"),
        last=_("Last work: its CPU (%(rate)s), until %(time)s."),
    ),
    Signal.DOWNLOAD: SignalMessages(
        counts_as=_("downloading"),
        kept_on=_("It is downloading (%(rate)s), so it does not stop."),
        event=_("Not stopped: it was downloading (%(rate)s)"),
        last=_("Last work: a download (%(rate)s), until %(time)s."),
    ),
    Signal.UPLOAD: SignalMessages(
        counts_as=_("uploading"),
        kept_on=_("It is uploading (%(rate)s), so it does not stop."),
        event=_("Not stopped: it was uploading (%(rate)s)"),
        last=_("Last work: an upload (%(rate)s), until %(time)s."),
    ),
    Signal.DISK: SignalMessages(
        counts_as=_("disk at work"),
        kept_on=_("Its disk is working (%(rate)s), so it does not stop."),
        event=_("Not stopped: its disk was working (%(rate)s)"),
        last=_("Last work: its disk (%(rate)s), until %(time)s."),
    ),
}

_IDLE = _("idle")


def counts_as(signal: Signal | None) -> Text:
    """Return the word for what 5 minutes count as; None: they count as idle."""
    return SIGNALS[signal].counts_as if signal else _IDLE


def kept_on(signal: Signal, rate: float) -> str:
    """Return why a machine does not stop."""
    return str(SIGNALS[signal].kept_on) % {"rate": how_fast(signal, rate)}


def event(signal: Signal, rate: float) -> str:
    """Return what kept a machine on, for its history."""
    return str(SIGNALS[signal].event) % {"rate": how_fast(signal, rate)}


def last_work(signal: Signal, rate: float, time: str) -> str:
    """Return what a machine did last before it was stopped for idling."""
    return str(SIGNALS[signal].last) % {"rate": how_fast(signal, rate), "time": time}


def how_fast(signal: Signal, rate: float) -> str:
    """Return a rate in words: bytes per second, or per cent of the CPU."""
    return f"{rate:.1f}%" if signal is Signal.CPU else speed(rate)


def speed(rate: float) -> str:
    """Return bytes per second for people: `2.1 MB/s`, `140 kB/s`."""
    return f"{rate / 1e6:.1f} MB/s" if rate >= 1e6 else f"{rate / 1e3:.0f} kB/s"
