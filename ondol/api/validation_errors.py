"""Validation errors in the person's language: pydantic has English only."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

_WORDS = {
    "missing": gettext_lazy("missing"),
    "extra_forbidden": gettext_lazy("not known here"),
    "enum": gettext_lazy("use one of %(expected)s"),
    "literal_error": gettext_lazy("use one of %(expected)s"),
    "int_parsing": gettext_lazy("use a whole number"),
    "greater_than_equal": gettext_lazy("use %(ge)s or more"),
    "less_than_equal": gettext_lazy("use %(le)s or less"),
    "string_type": gettext_lazy("use a text"),
    "string_too_short": gettext_lazy("too short; at least %(min_length)s characters"),
    "string_too_long": gettext_lazy("too long; at most %(max_length)s characters"),
    "string_pattern_mismatch": gettext_lazy("a character in it is not allowed"),
    "string_unicode": gettext_lazy("a character in it is not allowed"),
    "two_values": gettext_lazy("the old name of %(name)s, which has another value; send %(name)s alone"),
    "model_attributes_type": gettext_lazy("use a JSON object"),
}
"""Words for pydantic's types of errors that our schemas can cause; a test looks for others."""


def told(mistakes: Iterable[Mapping[str, Any]]) -> str:
    """Return where and why, but not what was sent: that may be a secret in the wrong field."""
    return "; ".join(f"{mistake['loc'][-1]}: {_why(mistake)}" for mistake in mistakes)[:500]


def _why(mistake: Mapping[str, Any]) -> str:
    words = str(_WORDS.get(mistake["type"], _("not valid")))
    context = dict(mistake.get("ctx") or {})
    if "expected" in context:  # "'pem' or 'ppk'"
        context["expected"] = context["expected"].replace(" or ", ", ").replace("'", "")
    return words % context
