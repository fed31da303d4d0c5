"""Resolves a CloudFormation template: creates each resource when it is first needed.

The resolver knows the language (references, conditions, intrinsic functions, dynamic references);
what a resource is, is the business of the `Deployer` it is given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from orchstack.kernel.plain import JsonMapping, JsonObject
from orchstack.local.assembly import Stack
from orchstack.local.failures import CannotDeploy
from orchstack.local.intrinsics import LOGICAL, NO_VALUE, PURE, text, without_nothing
from orchstack.local.values import Value

ACCOUNT = "000000000000"
REGION = "us-east-1"

_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]+)\}")
_DYNAMIC = re.compile(r"\{\{resolve:(secretsmanager|ssm|ssm-secure):([^}]+)\}\}")
_SSM_TYPE = "AWS::SSM::Parameter::Value<"


@dataclass(frozen=True)
class Resource:
    """A resource of a template with its properties resolved."""

    stack: Stack
    logical_id: str
    type: str
    properties: JsonObject

    @property
    def name(self) -> str:
        """A physical name that is stable over restarts, for a resource that was given none."""
        return f"{self.stack.name}-{self.logical_id}"

    def __str__(self) -> str:
        """Where it stands: stack, logical id and type."""
        return f"{self.stack.name}/{self.logical_id} ({self.type})"


@dataclass(frozen=True)
class Created:
    """What a created resource answers to `Ref` and to `Fn::GetAtt`."""

    ref: str
    attributes: JsonMapping = field(default_factory=dict)
    open_ended: bool = False  # a stub answers any attribute with a made-up value


class Deployer(Protocol):
    """Makes resources real and looks up what only the running cloud knows."""

    def create(self, resource: Resource) -> Created:
        """Create one resource; raises CannotDeploy for a type it does not know."""

    def secret(self, secret_id: str) -> str:
        """The current value of a secret."""

    def parameter(self, name: str) -> str:
        """The value of an SSM parameter."""

    def rewrite(self, value: str) -> str:
        """Replace an address that exists only on AWS by the local one."""


class Resolver:
    """Deploys one stack; `exports` is shared by all stacks and filled with this one's."""

    def __init__(self, stack: Stack, deployer: Deployer, exports: JsonObject) -> None:
        """Take the stack to deploy and what deploys its resources."""
        self.created: dict[str, Created] = {}
        self._stack = stack
        self._deployer = deployer
        self._exports = exports
        self._resources: JsonObject = stack.template.get("Resources", {})
        self._path: list[str] = []

    def deploy(self) -> JsonObject:
        """Create every resource of the stack, publish its exports and return its outputs."""
        for logical_id in self._resources:
            if self._wanted(self._resources[logical_id]):
                self._resource(logical_id)
        outputs: JsonObject = {}
        for name, output in self._stack.template.get("Outputs", {}).items():
            if not self._wanted(output):
                continue
            outputs[name] = self.resolve(output["Value"])
            if "Export" in output:
                self._exports[text(self.resolve(output["Export"]["Name"]))] = outputs[name]
        return outputs

    def resolve(self, value: Value) -> Value:
        """Evaluate every function in a value and look up its dynamic references."""
        return self._dynamic(without_nothing(self._evaluate(value)))

    def _wanted(self, declaration: JsonMapping) -> bool:
        return "Condition" not in declaration or self._condition(declaration["Condition"])

    def _resource(self, logical_id: str) -> Created:
        if logical_id in self.created:
            return self.created[logical_id]
        if logical_id in self._path:
            cycle = " -> ".join([*self._path[self._path.index(logical_id) :], logical_id])
            raise CannotDeploy(f"{self._stack.name}: resources need each other: {cycle}")
        declaration = self._resources.get(logical_id)
        if declaration is None:
            raise CannotDeploy(f"{self._stack.name}: nothing is called {logical_id}")
        self._path.append(logical_id)
        for needed in _listed(declaration.get("DependsOn", ())):
            if self._wanted(self._resources.get(needed, {})):
                self._resource(needed)
        resource = Resource(
            self._stack,
            logical_id,
            declaration["Type"],
            self.resolve(declaration.get("Properties", {})),
        )
        created = self._deployer.create(resource)
        self._path.pop()
        self.created[logical_id] = created
        return created

    def _evaluate(self, value: Value) -> Value:
        if isinstance(value, list):
            return [self._evaluate(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._call(name, argument)
        return {key: self._evaluate(item) for key, item in value.items()}

    def _call(self, name: str, argument: Value) -> Value:
        special: dict[str, Callable[[Value], Value]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::If": self._if,
            "Fn::FindInMap": self._find_in_map,
            "Fn::ImportValue": self._import_value,
            "Fn::GetAZs": self._zones,
        }
        if name in special:
            return special[name](argument)
        if name not in PURE:
            raise CannotDeploy(f"{self._stack.name}: the function {name} is not known locally")
        arguments = self._evaluate(argument)
        try:
            result = PURE[name](arguments)
        except (IndexError, TypeError, ValueError) as error:
            raise CannotDeploy(f"{self._stack.name}: {name} of {arguments}: {error}") from error
        return self._deployer.rewrite(result) if name == "Fn::Join" else result

    def _ref(self, name: str) -> Value:
        pseudo = self._pseudo()
        if name in pseudo:
            return pseudo[name]
        if name in self._stack.template.get("Parameters", {}):
            return self._parameter(name)
        return self._resource(name).ref

    def _pseudo(self) -> JsonObject:
        name = self._stack.name
        return {
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": NO_VALUE,
            "AWS::NotificationARNs": [],
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::StackId": stack_id(name),
            "AWS::StackName": name,
            "AWS::URLSuffix": "amazonaws.com",
        }

    def _parameter(self, name: str) -> Value:
        declaration = self._stack.template["Parameters"][name]
        value = self._stack.parameters.get(name, declaration.get("Default"))
        if value is None:
            raise CannotDeploy(f"{self._stack.name}: the parameter {name} has no value")
        if str(declaration["Type"]).startswith(_SSM_TYPE):
            return self._deployer.parameter(str(value))
        if declaration["Type"] in ("CommaDelimitedList", "List<Number>"):
            return [part.strip() for part in str(value).split(",")]
        return value

    def _get_att(self, argument: str | list[str]) -> Value:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        logical_id, attribute = parts[0], text(self._evaluate(parts[1]))
        created = self._resource(logical_id)
        if attribute in created.attributes:
            return created.attributes[attribute]
        kind = self._resources[logical_id]["Type"]
        if not created.open_ended:
            raise CannotDeploy(
                f"{self._stack.name}/{logical_id}: {kind} has no attribute {attribute} locally"
            )
        return made_up_attribute(kind, f"{self._stack.name}-{logical_id}", attribute)

    def _sub(self, argument: str | list[Value]) -> str:
        source, given = (argument, {}) if isinstance(argument, str) else argument
        variables = {name: self._evaluate(value) for name, value in given.items()}

        def fill(found: re.Match[str]) -> str:
            literal, name = found.groups()
            if literal:
                return f"${{{name}}}"
            if name in variables:
                return text(variables[name])
            return text(self._get_att(name) if "." in name else self._ref(name))

        return self._deployer.rewrite(_PLACEHOLDER.sub(fill, source))

    def _if(self, argument: list[Value]) -> Value:
        condition, positive, negative = argument
        return self._evaluate(positive if self._condition(condition) else negative)

    def _condition(self, name: str) -> bool:
        conditions = self._stack.template.get("Conditions", {})
        if name not in conditions:
            raise CannotDeploy(f"{self._stack.name}: no condition is called {name}")
        return self._holds(conditions[name])

    def _holds(self, rule: Value) -> bool:
        ((name, argument),) = rule.items()
        if name == "Condition":
            return self._condition(argument)
        if name == "Fn::Equals":
            return LOGICAL[name]([self._evaluate(item) for item in argument])
        if name not in LOGICAL:
            raise CannotDeploy(f"{self._stack.name}: {name} cannot stand in a condition")
        return LOGICAL[name]([self._holds(item) for item in argument])

    def _find_in_map(self, argument: list[Value]) -> Value:
        name, first, second, *options = (self._evaluate(item) for item in argument)
        mapping = self._stack.template.get("Mappings", {}).get(name, {})
        try:
            return mapping[first][second]
        except KeyError:
            if options and "DefaultValue" in options[0]:
                return options[0]["DefaultValue"]
            raise CannotDeploy(
                f"{self._stack.name}: the map {name} has no entry {first}.{second}"
            ) from None

    def _import_value(self, argument: Value) -> Value:
        name = text(self._evaluate(argument))
        if name not in self._exports:
            raise CannotDeploy(f"{self._stack.name}: no stack before it exports {name}")
        return self._exports[name]

    def _zones(self, _region: Value) -> list[str]:
        return [f"{REGION}{zone}" for zone in "abc"]

    def _dynamic(self, value: Value) -> Value:
        if isinstance(value, dict):
            return {key: self._dynamic(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._dynamic(item) for item in value]
        if isinstance(value, str) and "{{resolve:" in value:
            return _DYNAMIC.sub(self._look_up, value)
        return value

    def _look_up(self, found: re.Match[str]) -> str:
        service, reference = found.groups()
        if service != "secretsmanager":
            return self._deployer.parameter(re.sub(r":\d+$", "", reference))
        secret_id, _, rest = reference.partition(":SecretString")
        value = self._deployer.secret(secret_id)
        key = rest.removeprefix(":").split(":")[0]
        return text(json.loads(value)[key]) if key else value


def stack_id(name: str) -> str:
    """The ARN of a stack."""
    return f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/local"


def made_up_attribute(kind: str, name: str, attribute: str) -> str:
    """A plausible value for an attribute of a resource that exists only by name."""
    if attribute.endswith("Arn"):
        service = kind.split("::")[1].lower()
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"
    return f"{name}-{attribute}".lower()


def _listed(value: str | Iterable[str]) -> Iterable[str]:
    return (value,) if isinstance(value, str) else value
