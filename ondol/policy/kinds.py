"""What a rule is: how it is stored, which values it may have, how a form asks for it, and how people read it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, Self, TypeAlias, TypeVar, overload

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from ondol.config import config, variable
from ondol.policy.fields import choice_field, decimal_field, number_field, types_field
from ondol.policy.models import Policy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Text: TypeAlias = "str | _StrPromise"
"""Words in the reader's language."""
T = TypeVar("T")


class Group(StrEnum):
    """What rules are about: a form asks for them together."""

    STOPS = "stops"
    WORK = "work"
    HOURS = "hours"
    MACHINES = "machines"
    LIMITS = "limits"
    SSH = "ssh"


class Rule(Generic[T]):
    """A rule that is declared in `catalog.Rules`: there, and on `Policy`, it has the same name.

    Read from the class it is the rule, read from an object it is the value that applies.
    """

    name: str

    def __init__(
        self,
        *,
        label: Text,
        describe: Callable[[T], str],
        asks: Text,
        changed: Text,
        default: Callable[[], T],
        unit: Text = "",
        group: Group = Group.LIMITS,
        settings: Sequence[str] = (),
        note: Text = "",
        because: str = "",
    ) -> None:
        """Take the words of the rule: `asks` is the label in a form, with `unit` after its field, and `changed` the
        word in a line of activity.

        `because` is for the docs.
        """
        self.label, self.describe, self.asks, self.changed = label, describe, asks, changed
        self.default, self.unit, self.group, self.settings = default, unit, group, settings
        self.note, self.because = note, because

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, rules: None, owner: type) -> Self: ...
    @overload
    def __get__(self, rules: Any, owner: type) -> T: ...
    def __get__(self, rules: Any, owner: type) -> Any:
        return self if rules is None else rules.values[self.name]

    @property
    def stored(self) -> Mapping[str, Text]:
        """Return the fields of `Policy` that store it, each with its word in a line of activity."""
        return {self.name: self.changed}

    def is_set(self, policy: Policy) -> bool:
        """Return whether a policy says anything about it."""
        return getattr(policy, self.name) is not None

    def value(self, policy: Policy) -> T:
        """Return the value in a policy that sets it."""
        return getattr(policy, self.name)  # type: ignore[no-any-return]

    def form_fields(self) -> dict[str, forms.Field]:
        """Return the fields that ask for it, in the reader's language. The first has the rule's name."""
        raise NotImplementedError

    def range(self) -> str:
        """Return which values it may have, for people; empty where the form shows them."""
        return ""

    def placeholder(self, value: T) -> str:
        """Return a value as somebody would type it; empty where nothing is typed."""
        return ""

    def to_form(self, policy: Policy | None) -> dict[str, Any]:
        """Return what these fields show at first."""
        return {self.name: getattr(policy, self.name)} if policy else {}

    def from_form(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the initial values of these fields."""
        return {self.name: data[self.name]}

    def mistakes(self, data: Mapping[str, Any]) -> Iterable[tuple[str, Text]]:
        """Return what is wrong with the fields' values together: the field, and a sentence."""
        return ()

    def check(self, values: Mapping[str, Any]) -> None:
        """Raise ValidationError unless a policy may have these `values` of the form's fields."""
        for name, field in self.form_fields().items():
            try:
                field.clean(values.get(name))
            except ValidationError as error:
                raise ValidationError({name: error.messages}) from None
        for name, mistake in self.mistakes(values):
            raise ValidationError({name: str(mistake)})

    def allowed(self) -> str:
        """Return which values it may have, in English: for the docs."""
        raise NotImplementedError

    def installed(self) -> str:
        """Return the value if nobody has set it, in English: for the docs."""
        names = ", ".join(f"`{variable(setting)}`" for setting in self.settings)
        return f"{self.describe(self.default())}{names and f' ({names})'}"


class Number(Rule[int]):
    """A whole number from `least` to `most`, in steps of `step`."""

    def __init__(self, *, least: int | Callable[[], int], most: int, step: int = 1, **words: Any) -> None:
        super().__init__(**words)
        self._least, self.most, self.step = least, most, step

    @property
    def least(self) -> int:
        return self._least if isinstance(self._least, int) else self._least()

    def form_fields(self) -> dict[str, forms.Field]:
        return {self.name: number_field(str(self.asks), self.least, self.most, self.step)}

    def range(self) -> str:
        words = {"least": f"{self.least:,}", "most": f"{self.most:,}", "step": self.step}
        if self.step > 1:
            return _("%(least)s to %(most)s, in steps of %(step)d.") % words
        return _("%(least)s to %(most)s.") % words

    def placeholder(self, value: int) -> str:
        return str(value)

    def allowed(self) -> str:
        steps = f", in steps of {self.step}" if self.step > 1 else ""
        return f"{self.least:,} to {self.most:,}{steps}"


class Percent(Rule[float]):
    """A percentage with one decimal."""

    def __init__(self, *, least: Decimal, most: Decimal, **words: Any) -> None:
        super().__init__(**words)
        self.least, self.most = least, most

    def value(self, policy: Policy) -> float:
        return float(getattr(policy, self.name))

    def form_fields(self) -> dict[str, forms.Field]:
        return {self.name: decimal_field(str(self.asks), self.least, self.most)}

    def range(self) -> str:
        return _("%(least)s to %(most)s.") % {"least": f"{self.least:,}", "most": f"{self.most:,}"}

    def placeholder(self, value: float) -> str:
        return f"{value:g}"

    def allowed(self) -> str:
        return f"{self.least} to {self.most} %"


class Rate(Percent):
    """MB/s with one decimal."""

    def allowed(self) -> str:
        return f"{self.least:,} to {self.most:,} MB/s"


_ANSWERS = {"": None, "False": False, "True": True}


class Switch(Rule[bool]):
    """Yes or no. `answers` are the words for both in the form."""

    def __init__(self, *, answers: tuple[Text, Text], **words: Any) -> None:
        super().__init__(**words)
        self._yes, self._no = answers

    def form_fields(self) -> dict[str, forms.Field]:
        choices = [("", _("default")), ("False", str(self._no)), ("True", str(self._yes))]
        return {self.name: choice_field(str(self.asks), choices)}

    def to_form(self, policy: Policy | None) -> dict[str, Any]:
        kept = getattr(policy, self.name) if policy else None
        return {self.name: "" if kept is None else str(kept)}

    def from_form(self, data: Mapping[str, Any]) -> dict[str, Any]:
        return {self.name: _ANSWERS[data[self.name]]}

    def check(self, values: Mapping[str, Any]) -> None:
        kept = values.get(self.name)
        super().check({self.name: "" if kept is None else str(kept)})

    def allowed(self) -> str:
        return "yes or no"


class Types(Rule[tuple[str, ...]]):
    """Some of the instance types that the settings permit."""

    def is_set(self, policy: Policy) -> bool:
        return bool(getattr(policy, self.name))

    def value(self, policy: Policy) -> tuple[str, ...]:
        return tuple(getattr(policy, self.name))

    def form_fields(self) -> dict[str, forms.Field]:
        return {self.name: types_field(str(self.asks), config().permitted_types)}

    def from_form(self, data: Mapping[str, Any]) -> dict[str, Any]:
        return {self.name: data[self.name] or None}

    def allowed(self) -> str:
        return f"any of `{variable('instance_types')}`"
