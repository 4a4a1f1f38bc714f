"""An identity policy, and whether it allows what is asked. Pure.

As in the IAM user guide, "Policy evaluation logic" and "IAM JSON policy elements": nothing is allowed unless a
statement says so, an explicit Deny wins, all conditions of a statement must hold. Policy variables, NotAction,
NotResource and Principal are refused, so that no unsupported rule is ignored.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

#: characters of a managed policy, white space not counted
LONGEST = 6144

Values = tuple[str, ...]


class BadPolicy(Exception):
    """A policy that IAM would not accept, or this trial does not know; the text is one sentence."""


@dataclass(frozen=True)
class Permission:
    """One permission that a request needs: this action, on this resource, under these conditions."""

    action: str
    resource: str  # an ARN; * where the action knows no resources
    context: Mapping[str, Values]  # condition keys in lower case; those that do not apply are not there


@dataclass(frozen=True)
class Condition:
    operator: str
    quantifier: str  # ForAllValues, ForAnyValue or nothing
    if_exists: bool
    key: str
    values: Values

    def holds(self, context: Mapping[str, Values]) -> bool:
        found = context.get(self.key)
        if self.operator == "Null":
            return (found is None) == (self.values[0].lower() == "true")
        positive = self.operator.replace("Not", "", 1)
        negated = positive != self.operator
        matches = _OPERATORS[positive]

        def fits(value: str) -> bool:
            return any(matches(value, wanted) for wanted in self.values) is not negated

        if self.quantifier == "ForAllValues":
            return all(map(fits, found or ()))
        if self.quantifier == "ForAnyValue":
            return any(map(fits, found or ()))
        if found is None:
            return self.if_exists or negated
        return all(map(fits, found))


@dataclass(frozen=True)
class Statement:
    sid: str
    allows: bool
    actions: Values
    resources: Values
    conditions: tuple[Condition, ...]

    def applies(self, permission: Permission) -> bool:
        return (
            any(like(permission.action.lower(), action.lower()) for action in self.actions)
            and any(like(permission.resource, resource) for resource in self.resources)
            and all(condition.holds(permission.context) for condition in self.conditions)
        )


@dataclass(frozen=True)
class Policy:
    statements: tuple[Statement, ...]

    def allows(self, permission: Permission) -> bool:
        said = {statement.allows for statement in self.statements if statement.applies(permission)}
        return said == {True}


def like(text: str, pattern: str) -> bool:
    """Return whether it matches: `*` is any text, `?` one character."""
    return bool(_pattern(pattern).fullmatch(text))


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda value, wanted: compare(float(value), float(wanted))


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "StringLike": like,
    "ArnEquals": like,  # the guide: ArnEquals and ArnLike behave identically
    "ArnLike": like,
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
    "NumericEquals": _number(lambda value, wanted: value == wanted),
    "NumericLessThan": _number(lambda value, wanted: value < wanted),
    "NumericLessThanEquals": _number(lambda value, wanted: value <= wanted),
    "NumericGreaterThan": _number(lambda value, wanted: value > wanted),
    "NumericGreaterThanEquals": _number(lambda value, wanted: value >= wanted),
}

#: all of IAM's operators; others are refused, so that no unknown operator is ignored
_NEGATED = (
    *("StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike"),
    *("ArnNotEquals", "ArnNotLike", "NumericNotEquals"),
)


# -- reading -----------------------------------------------------------------------------------------------------------


def read(text: str) -> Policy:
    """Return the policy in a text. Raises BadPolicy."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise BadPolicy(f"it is not JSON: {error}") from None
    if not isinstance(document, dict) or document.get("Version") != "2012-10-17":
        raise BadPolicy('it needs "Version": "2012-10-17"')
    if len(re.sub(r"\s", "", text)) > LONGEST:
        raise BadPolicy(f"it has more than {LONGEST} characters")
    _only(document, {"Version", "Id", "Statement"}, "the policy")
    return Policy(tuple(_statement(one) for one in _listed(document.get("Statement"))))


def _statement(given: Any) -> Statement:
    if not isinstance(given, dict):
        raise BadPolicy("a statement is an object")
    sid = str(given.get("Sid", ""))
    where = f"statement {sid!r}"
    _only(given, {"Sid", "Effect", "Action", "Resource", "Condition"}, where)
    if given.get("Effect") not in ("Allow", "Deny"):
        raise BadPolicy(f"{where}: Effect is Allow or Deny")
    if sid and not re.fullmatch("[A-Za-z0-9]+", sid):
        raise BadPolicy(f"{where}: a Sid has letters and digits only")
    actions, resources = _texts(given.get("Action"), where), _texts(given.get("Resource"), where)
    conditions = tuple(
        _condition(operator, key, values, where)
        for operator, tests in dict(given.get("Condition", {})).items()
        for key, values in dict(tests).items()
    )
    return Statement(sid, given["Effect"] == "Allow", actions, resources, conditions)


def _condition(operator: str, key: str, values: Any, where: str) -> Condition:
    quantifier, _, rest = operator.rpartition(":")
    plain = rest.removesuffix("IfExists")
    known = ("Null",) if rest == "Null" else (*_OPERATORS, *_NEGATED)
    if quantifier not in ("", "ForAllValues", "ForAnyValue") or plain not in known:
        raise BadPolicy(f"{where}: the operator {operator} is not known here")
    return Condition(plain, quantifier, rest != plain, key.lower(), _texts(values, where))


def _texts(given: Any, where: str) -> Values:
    texts = tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in _listed(given))
    if not texts:
        raise BadPolicy(f"{where}: Action, Resource and the values of conditions cannot be empty")
    if any("${" in text for text in texts):
        raise BadPolicy(f"{where}: policy variables are not known here")
    return texts


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [] if given is None else [given]


def _only(given: dict[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(set(given) - known):
        raise BadPolicy(f"{where}: {', '.join(unknown)} is not known here")
