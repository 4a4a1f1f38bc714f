"""CloudFormation's functions that moto does not have, or has in part: conditions, lists as parameters, addresses.

What is left (`Ref` to a resource, `Fn::GetAtt`, `Fn::Sub`) is for moto.
"""

import ipaddress
from typing import Any

import yaml

from ondol.regions import partition

ACCOUNT = "123456789012"
NOTHING = object()
"""AWS::NoValue."""


class _Loader(yaml.SafeLoader):
    """Reads the short forms, such as `!Ref`."""


def _function(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    match node:
        case yaml.ScalarNode():
            value = node.value.split(".", 1) if tag == "GetAtt" else loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case _:
            value = loader.construct_mapping(node, deep=True)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _function)


def read(text: str) -> dict[str, Any]:
    """Return a template, with its functions in their long forms."""
    return yaml.load(text, _Loader)


class Resolved:
    """A template whose parameters and conditions have values."""

    def __init__(self, template: dict[str, Any], region: str, given: dict[str, str]) -> None:
        self.region, self.conditions, self.mappings = region, template["Conditions"], template["Mappings"]
        self.parameters: dict[str, Any] = {
            "AWS::Region": region,
            "AWS::Partition": partition(region),
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": NOTHING,
        }
        for name, parameter in template["Parameters"].items():
            value = given.get(name, str(parameter["Default"]))
            self.parameters[name] = value.split(",") if parameter["Type"] == "CommaDelimitedList" else value
        assert set(given) <= set(self.parameters)
        self.resources, self.outputs = self._there(template["Resources"]), self._there(template["Outputs"])

    def _there(self, section: dict[str, Any]) -> dict[str, Any]:
        """Return those whose condition holds."""
        there = {name: one for name, one in section.items() if self._holds(one.get("Condition"))}
        return {name: self.value({k: v for k, v in one.items() if k != "Condition"}) for name, one in there.items()}

    def _holds(self, condition: str | None) -> bool:
        return condition is None or bool(self.value(self.conditions[condition]))

    def value(self, node: Any) -> Any:
        """Return the value of a part."""
        if isinstance(node, list):
            return [value for one in node if (value := self.value(one)) is not NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(name, argument)] = node.items()
            if (handler := getattr(self, f"_{name.removeprefix('Fn::').lower()}", None)) is not None:
                return handler(argument)
        return {name: value for name, one in node.items() if (value := self.value(one)) is not NOTHING}

    def _ref(self, name: str) -> Any:
        return self.parameters.get(name, {"Ref": name})

    def _condition(self, name: str) -> bool:
        return self._holds(name)

    def _if(self, words: list[Any]) -> Any:
        return self.value(words[1 if self._holds(words[0]) else 2])

    def _equals(self, words: list[Any]) -> bool:
        one, other = map(self.value, words)
        return str(one) == str(other)

    def _not(self, words: list[Any]) -> bool:
        return not self.value(words[0])

    def _and(self, words: list[Any]) -> bool:
        return all(map(self.value, words))

    def _or(self, words: list[Any]) -> bool:
        return any(map(self.value, words))

    def _findinmap(self, words: list[Any]) -> str:
        found: Any = self.mappings
        for word in words:
            found = found[self.value(word)]
        return str(found)

    def _join(self, words: list[Any]) -> str:
        return str(words[0]).join(self.value(words[1]))

    def _select(self, words: list[Any]) -> Any:
        return self.value(words[1])[words[0]]

    def _getazs(self, region: str) -> list[str]:
        return [f"{region or self.region}{letter}" for letter in "ab"]

    def _cidr(self, words: list[Any]) -> list[str]:
        network = ipaddress.ip_network(self.value(words[0]))
        subnets = network.subnets(new_prefix=32 - words[2])
        return [str(next(subnets)) for _ in range(words[1])]

    def _sub(self, words: Any) -> Any:
        text, names = words if isinstance(words, list) else (words, {})
        known = {name: one for name, one in self.parameters.items() if isinstance(one, str)}
        rest = {}
        for name, one in (known | {name: self.value(one) for name, one in names.items()}).items():
            if isinstance(one, str):
                text = text.replace(f"${{{name}}}", one)
            elif name in names:
                rest[name] = one
        return {"Fn::Sub": [text, rest] if rest else text}
