"""Amounts as pages show them: the reader's currency first, the other one small beside it."""

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from ondol.costs.bills import Money


def shown(money: Money, dollars: str = "") -> tuple[str, str]:
    """Return an amount in the reader's currency and in the other one, which is empty where no rate is set.

    Readers of Korean think in won. `dollars` replaces the amount in cents if cents are too coarse.
    """
    usd = dollars or ("<$0.01" if money.is_tiny else f"${money.usd:,.2f}")
    if money.krw is None:
        return usd, ""
    krw = "<₩1" if money.is_tiny and not money.krw else f"₩{money.krw:,.0f}"
    return (krw, usd) if get_language() == "ko" else (usd, krw)


def both(money: Money) -> SafeString:
    """Return an amount in both currencies, as HTML."""
    first, second = shown(money)
    return format_html('{} <span class="won">{}</span>', first, second) if second else format_html("{}", first)


def in_text(money: Money, dollars: str = "") -> SafeString:
    """Return the same for a sentence."""
    first, second = shown(money, dollars)
    return format_html('{} <span class="won">({})</span>', first, second) if second else format_html("{}", first)
