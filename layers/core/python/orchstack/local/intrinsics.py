"""The pure CloudFormation functions: arguments in, value out, nothing looked up."""

from __future__ import annotations

import base64
import ipaddress
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Final

from orchstack.local.values import Value


class NoValue:
    """What `AWS::NoValue` stands for: the property it is given to is left out."""


NO_VALUE: Final = NoValue()


def without_nothing(value: Value) -> Value:
    """Drop the members and elements that are `AWS::NoValue`, at any depth."""
    if isinstance(value, dict):
        return {k: without_nothing(v) for k, v in value.items() if v is not NO_VALUE}
    if isinstance(value, list):
        return [without_nothing(item) for item in value if item is not NO_VALUE]
    return value


def text(value: Value) -> str:
    """Write a scalar as CloudFormation does inside a string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _join(arguments: list[Value]) -> str:
    separator, parts = arguments
    return str(separator).join(text(part) for part in parts if part is not NO_VALUE)


def _select(arguments: list[Value]) -> Value:
    index, choices = arguments
    return choices[int(index)]


def _split(arguments: list[Value]) -> list[str]:
    separator, source = arguments
    return str(source).split(separator)


def _cidr(arguments: list[Value]) -> list[str]:
    block, count, *bits = arguments
    network = ipaddress.ip_network(str(block), strict=False)
    host_bits = int(bits[0]) if bits else (64 if network.version == 6 else 8)  # noqa: PLR2004 - IPv6
    subnets = network.subnets(new_prefix=network.max_prefixlen - host_bits)
    return [str(subnet) for subnet in itertools.islice(subnets, int(count))]


def _to_json(value: Value) -> str:
    return json.dumps(without_nothing(value), separators=(",", ":"))


PURE: Mapping[str, Callable[[Value], Value]] = {
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Cidr": _cidr,
    "Fn::Length": len,
    "Fn::ToJsonString": _to_json,
    "Fn::Base64": lambda value: base64.b64encode(str(value).encode()).decode(),
}

LOGICAL: Mapping[str, Callable[[list[Value]], bool]] = {
    "Fn::And": all,
    "Fn::Or": any,
    "Fn::Not": lambda arguments: not arguments[0],
    "Fn::Equals": lambda arguments: text(arguments[0]) == text(arguments[1]),
}
