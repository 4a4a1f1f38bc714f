"""Check the names in templates against the classes of what they are given, as a type checker would, without rendering.

Rendering would find less: Django takes a name that is not there for false in `{% if %}` and for nothing in `{% for %}`,
and draws only the branches of one state. Here every branch of every template is read with the types of its names.
What has no annotation, such as a form's field, is taken as it is.
"""

import inspect
import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, singledispatchmethod
from typing import Any, Union, get_args, get_origin, get_type_hints

from django.db.models import Model
from django.forms import BaseForm, BoundField, Form
from django.template import Node, NodeList, Origin, Template, Variable
from django.template.base import FilterExpression, TokenType, VariableNode
from django.template.defaulttags import (
    AutoEscapeControlNode,
    CsrfTokenNode,
    ForNode,
    IfNode,
    LoadNode,
    NowNode,
    URLNode,
    WithNode,
)
from django.template.library import SimpleNode
from django.template.loader import get_template
from django.template.loader_tags import BlockNode, ExtendsNode, IncludeNode
from django.template.smartif import TokenBase
from django.templatetags.i18n import (
    BlockTranslateNode,
    GetAvailableLanguagesNode,
    GetCurrentLanguageNode,
    LanguageNode,
    TranslateNode,
)
from django.templatetags.static import StaticNode
from django.utils.functional import Promise

from ondol.web.page import Page

Scope = Mapping[str, Any]
"""The names that a template may read, with their types."""


_CONSTANTS = {"True", "False", "None"}
MADE_FIELDS: dict[type[BaseForm], Collection[str]] = {}
"""The fields of forms that are made in their constructors."""


class Wrong(Exception):
    """A name that does not exist."""


@dataclass
class Checker:
    """Reads templates; `found` is what is wrong, `read` are the templates that were read."""

    scope: Scope
    """The names from context processors."""
    found: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)

    def check(self, page: type[Page]) -> None:
        for name in filter(None, (page.template, page.fragment)):
            self.template(name, {**self.scope, "page": page})

    def template(self, name: str, scope: Scope) -> None:
        self.read.add(name)
        self.nodes(get_template(name).template.nodelist, dict(scope))

    def text(self, source: str, scope: Scope) -> None:
        self.nodes(Template(source, Origin("<text>")).nodelist, {**self.scope, **scope})

    def nodes(self, nodes: Iterable[Node], scope: dict[str, Any]) -> None:
        """Check nodes one after another; `as name` of one is seen by those that follow."""
        for node in nodes:
            self.node(node, scope)

    def node(self, node: Node, scope: dict[str, Any]) -> None:
        self._names_in(node, scope)
        name = getattr(node, "asvar", None) or getattr(node, "target_var", None)
        if name:
            scope[name] = _returned(node.func) if isinstance(node, SimpleNode) else str

    @singledispatchmethod
    def _names_in(self, node: Node, scope: dict[str, Any]) -> None:
        """Check what stands in one node; a kind that has names and is not below would go unchecked."""
        is_known = isinstance(node, (CsrfTokenNode, LoadNode, NowNode, StaticNode))
        assert is_known or not _has_names(node), f"{_place(node)}: this checker does not know {type(node).__name__}"

    @_names_in.register(VariableNode)
    @_names_in.register(TranslateNode)
    def _(self, node: VariableNode | TranslateNode, scope: dict[str, Any]) -> None:
        self.type_of(node.filter_expression, scope, node)

    @_names_in.register
    def _(self, node: AutoEscapeControlNode, scope: dict[str, Any]) -> None:
        self.nodes(node.nodelist, dict(scope))

    @_names_in.register
    def _(self, node: IfNode, scope: dict[str, Any]) -> None:
        for condition, inside in node.conditions_nodelists:
            for expression in _leaves(condition) if condition else ():  # none: `else`
                self.type_of(expression, scope, node)
            self.nodes(inside, dict(scope))

    @_names_in.register
    def _(self, node: ForNode, scope: dict[str, Any]) -> None:
        each = _each(self.type_of(node.sequence, scope, node))
        names = dict(zip(node.loopvars, _unpacked(each, len(node.loopvars)), strict=True))
        self.nodes(node.nodelist_loop, scope | names | {"forloop": Any})
        self.nodes(node.nodelist_empty, dict(scope))

    @_names_in.register
    def _(self, node: WithNode, scope: dict[str, Any]) -> None:
        self.nodes(node.nodelist, scope | self._given(node.extra_context, scope, node))

    @_names_in.register
    def _(self, node: IncludeNode, scope: dict[str, Any]) -> None:
        given = self._given(node.extra_context, scope, node)
        name = node.template.var
        names = [name] if isinstance(name, str) else get_args(self.type_of(node.template, scope, node))
        assert names, f"{_place(node)}: include by a name, or by one whose type is a Literal of names"
        for name in names:
            self.template(name, given if node.isolated_context else scope | given)

    @_names_in.register
    def _(self, node: ExtendsNode, scope: dict[str, Any]) -> None:
        self.nodes(node.nodelist, dict(scope))
        self.template(node.parent_name.var, scope)

    @_names_in.register
    def _(self, node: BlockNode, scope: dict[str, Any]) -> None:
        self.nodes(node.nodelist, scope | {"block": Any})

    @_names_in.register(URLNode)
    @_names_in.register(SimpleNode)
    def _(self, node: URLNode | SimpleNode, scope: dict[str, Any]) -> None:
        name = [node.view_name] if isinstance(node, URLNode) else []
        for expression in (*name, *node.args, *node.kwargs.values()):
            self.type_of(expression, scope, node)

    @_names_in.register
    def _(self, node: GetCurrentLanguageNode, scope: dict[str, Any]) -> None:
        scope[node.variable] = str

    @_names_in.register
    def _(self, node: GetAvailableLanguagesNode, scope: dict[str, Any]) -> None:
        scope[node.variable] = list[tuple[str, str]]

    @_names_in.register
    def _(self, node: LanguageNode, scope: dict[str, Any]) -> None:
        self.type_of(node.language, scope, node)
        self.nodes(node.nodelist, dict(scope))

    @_names_in.register
    def _(self, node: BlockTranslateNode, scope: dict[str, Any]) -> None:
        inside = scope | self._given(node.extra_context, scope, node)
        if node.countervar:
            inside[node.countervar] = self.type_of(node.counter, scope, node)
        for token in (*node.singular, *(node.plural or ())):
            if token.token_type is TokenType.VAR:
                self._variable(Variable(token.contents.partition("|")[0]), inside, node)

    def type_of(self, expression: Any, scope: Scope, node: Node) -> Any:
        """Return the type of an expression with its filters; Any where it is not known or wrong."""
        if not isinstance(expression, FilterExpression):
            return type(expression)
        for _filter, arguments in expression.filters:
            for is_variable, argument in arguments:
                if is_variable:
                    self._variable(argument, scope, node)
        found = self._variable(expression.var, scope, node) if isinstance(expression.var, Variable) else str
        for function, _arguments in expression.filters:
            found = get_type_hints(inspect.unwrap(function)).get("return", Any)
        return found

    def _variable(self, variable: Variable, scope: Scope, node: Node) -> Any:
        if variable.lookups is None:
            return type(variable.literal)
        first, *rest = variable.lookups
        try:
            if first in _CONSTANTS:
                return Any
            if first not in scope:
                raise Wrong(f"no name {first!r} here")
            found = scope[first]
            for name in rest:
                found = lookup(found, name)
        except Wrong as wrong:
            self.found.add(f"{_place(node)}: {variable.var}: {wrong}")
            return Any
        return found

    def _given(self, extra: Mapping[str, FilterExpression], scope: Scope, node: Node) -> dict[str, Any]:
        return {name: self.type_of(expression, scope, node) for name, expression in extra.items()}


def lookup(of: Any, name: str) -> Any:
    """Return the type of `of.name`, as a template would find it; Wrong where there is none."""
    alternatives = [one for one in _alternatives(of) if one is not type(None)]
    found = [_attribute(one, name) for one in alternatives]
    return Union[tuple(found)] if found else Any  # noqa: UP007  made here


def _attribute(of: Any, name: str) -> Any:
    if of is Any or isinstance(of, typing.TypeVar):
        return Any
    if name.isdecimal():
        return _each(of)
    cls = get_origin(of) or of
    if issubclass(cls, (Promise, str)):
        cls = str
    if issubclass(cls, Mapping):
        return get_args(of)[1] if get_args(of) else Any
    if issubclass(cls, BaseForm) and (found := _form_field(cls, name)):
        return found
    if issubclass(cls, Model) and (found := _field(cls, name)):
        return found
    hints = get_type_hints(cls) if cls.__module__.startswith(("ondol", "tests")) else {}
    if name in hints:
        return hints[name]
    member = inspect.getattr_static(cls, name, None)
    if member is None:
        if cls.__module__.startswith("django"):  # set by instances, and not annotated
            return Any
        raise Wrong(f"{cls.__name__} has no {name!r}")
    return _member(member)


def _member(member: Any) -> Any:
    match member:
        case property():
            return _returned(member.fget)
        case cached_property():
            return _returned(member.func)
        case Enum():
            return type(member)
        case types.FunctionType():
            return _returned(member)
    return Any


def _returned(function: Callable[..., Any]) -> Any:
    try:
        return get_type_hints(function).get("return", Any)
    except NameError:  # of a library that imports its types for checkers only
        return Any


def _form_field(form: type[BaseForm], name: str) -> Any:
    """Return a field, or what every form has; None if it is neither."""
    if name in {*form.base_fields, *MADE_FIELDS.get(form, ())}:
        return BoundField
    return Any if name in vars(Form()) else None


def _field(model: type[Model], name: str) -> Any:
    """Return a column or a relation of a model; None if it is neither."""
    known = {one.name: one for one in model._meta.get_fields()}
    if name not in known:
        return None
    related = known[name].related_model
    return related if related and not (known[name].one_to_many or known[name].many_to_many) else Any


def _alternatives(of: Any) -> tuple[Any, ...]:
    return get_args(of) if get_origin(of) in {Union, types.UnionType} else (of,)


def _each(of: Any) -> Any:
    """Return what a loop over this gives."""
    known = [one for one in _alternatives(of) if one is not type(None)]
    arguments = [get_args(one) for one in known]
    if len(known) != 1 or not arguments[0]:
        return Any
    if issubclass(get_origin(known[0]), Mapping):
        return arguments[0][0]
    return arguments[0][0] if len(arguments[0]) == 1 or arguments[0][1] is ... else Union[arguments[0]]  # noqa: UP007


def _unpacked(each: Any, count: int) -> tuple[Any, ...]:
    if count == 1:
        return (each,)
    parts = get_args(each) if get_origin(each) is tuple else ()
    return parts if len(parts) == count else (Any,) * count


def _leaves(condition: TokenBase) -> Iterator[FilterExpression]:
    """Yield all values that a condition compares."""
    if hasattr(condition, "value") and isinstance(condition.value, FilterExpression):
        yield condition.value
    for part in (condition.first, condition.second):
        if part is not None:
            yield from _leaves(part)


def _has_names(node: Node) -> bool:
    return any(isinstance(value, (FilterExpression, Variable, NodeList)) for value in vars(node).values())


def _place(node: Node) -> str:
    origin = getattr(node, "origin", None)
    return f"{getattr(origin, 'template_name', None) or getattr(origin, 'name', '?')}, line {node.token.lineno}"
