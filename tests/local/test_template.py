"""The resolver of CloudFormation's language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchstack.local.assembly import Stack
from orchstack.local.failures import CannotDeploy
from orchstack.local.template import Created, Resolver, Resource


class _Deployer:
    """Creates anything by name and remembers it."""

    def __init__(self) -> None:
        self.made: list[Resource] = []

    def create(self, resource: Resource) -> Created:
        self.made.append(resource)
        return Created(
            f"ref-{resource.logical_id}",
            {"Arn": f"arn:{resource.logical_id}", "Nested.Value": 7},
            open_ended=resource.type == "AWS::IAM::Role",
        )

    def secret(self, secret_id: str) -> str:
        return json.dumps({"id": secret_id, "password": "p"})

    def parameter(self, name: str) -> str:
        return f"parameter {name}"

    def rewrite(self, value: str) -> str:
        return value.replace("https://api", "http://local")


def _resolve(value: Any, exports: dict[str, Any] | None = None, **template: Any) -> Any:
    return _resolver(exports, **template)[0].resolve(value)


def _resolver(exports: dict[str, Any] | None = None, **template: Any) -> tuple[Resolver, _Deployer]:
    stack = Stack("S", Path("S.json"), {}, {})
    template.setdefault("Resources", {"Thing": {"Type": "A::B::C"}, "Role": _ROLE})
    stack.__dict__["template"] = template
    deployer = _Deployer()
    return Resolver(stack, deployer, {} if exports is None else exports), deployer


_ROLE = {"Type": "AWS::IAM::Role"}
_MAPPINGS = {"Sizes": {"dev": {"cpu": 1}}}
_CONDITIONS = {
    "Yes": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]},
    "No": {"Fn::Not": [{"Condition": "Yes"}]},
    "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
    "Either": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]},
}


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        ("ref-Thing", {"Ref": "Thing"}),
        ("000000000000", {"Ref": "AWS::AccountId"}),
        ("arn:Thing", {"Fn::GetAtt": ["Thing", "Arn"]}),
        (7, {"Fn::GetAtt": "Thing.Nested.Value"}),
        ("a-us-east-1", {"Fn::Join": ["-", ["a", {"Ref": "AWS::Region"}]]}),
        ("http://local/x", {"Fn::Join": ["", ["https://", "api", "/x"]]}),
        ("ref-Thing/arn:Thing/v/${Raw}", {
            "Fn::Sub": ["${Thing}/${Thing.Arn}/${V}/${!Raw}", {"V": "v"}]
        }),
        ("b", {"Fn::Select": ["1", {"Fn::Split": [",", "a,b"]}]}),
        ("us-east-1b", {"Fn::Select": [1, {"Fn::GetAZs": ""}]}),
        ('{"a":["ref-Thing"]}', {"Fn::ToJsonString": {"a": [{"Ref": "Thing"}]}}),
        ("aGk=", {"Fn::Base64": "hi"}),
        (2, {"Fn::Length": {"Fn::Split": [",", "a,b"]}}),
        (["10.0.0.0/24", "10.0.1.0/24"], {"Fn::Cidr": ["10.0.0.0/16", 2, 8]}),
        (1, {"Fn::FindInMap": ["Sizes", "dev", "cpu"]}),
        (9, {"Fn::FindInMap": ["Sizes", "prod", "cpu", {"DefaultValue": 9}]}),
        ("yes", {"Fn::If": ["Either", "yes", {"Ref": "Missing"}]}),
        ("no", {"Fn::If": ["Both", {"Ref": "Missing"}, "no"]}),
        ({"kept": 1}, {"kept": 1, "gone": {"Ref": "AWS::NoValue"}}),
        ([1], [1, {"Fn::If": ["No", 2, {"Ref": "AWS::NoValue"}]}]),
        ("p", "{{resolve:secretsmanager:arn:aws:x:1:secret:a:SecretString:password::}}"),
        ("parameter /a/b", "{{resolve:ssm:/a/b:3}}"),
        ("arn:aws:iam:us-east-1:000000000000:S-Role", {"Fn::GetAtt": ["Role", "SomeArn"]}),
    ],
)  # fmt: skip
def test_each_function_has_its_cloudformation_meaning(expected: Any, value: Any) -> None:
    """A value that uses the function resolves to what CloudFormation would make of it."""
    assert expected == _resolve(value, Mappings=_MAPPINGS, Conditions=_CONDITIONS)


@pytest.mark.parametrize(
    ("reason", "value"),
    [
        ("nothing is called Missing", {"Ref": "Missing"}),
        ("A::B::C has no attribute Nope", {"Fn::GetAtt": ["Thing", "Nope"]}),
        ("no stack before it exports x", {"Fn::ImportValue": "x"}),
        ("Fn::Transform is not known", {"Fn::Transform": {}}),
        ("Sizes has no entry prod.cpu", {"Fn::FindInMap": ["Sizes", "prod", "cpu"]}),
        ("no condition is called Huh", {"Fn::If": ["Huh", 1, 2]}),
    ],
)
def test_what_cannot_be_resolved_fails_by_name(reason: str, value: Any) -> None:
    """The failure names the stack and what is missing."""
    with pytest.raises(CannotDeploy, match=f"^S.*{reason}"):
        _resolve(value, Mappings=_MAPPINGS, Conditions=_CONDITIONS)


def test_a_resource_is_created_once_and_after_what_it_needs() -> None:
    """References and DependsOn decide the order; nothing is created twice."""
    resolver, deployer = _resolver(
        Resources={
            "A": {"Type": "T", "Properties": {"B": {"Ref": "B"}}, "DependsOn": "C"},
            "B": {"Type": "T", "DependsOn": ["C"]},
            "C": {"Type": "T"},
        }
    )
    resolver.deploy()
    assert ["C", "B", "A"] == [resource.logical_id for resource in deployer.made]


def test_a_resource_with_a_false_condition_is_left_out() -> None:
    """Neither the resource nor an output with a false condition exists."""
    resolver, deployer = _resolver(
        Conditions=_CONDITIONS,
        Resources={"A": {"Type": "T", "Condition": "No"}, "B": {"Type": "T", "Condition": "Yes"}},
        Outputs={"O": {"Value": {"Ref": "A"}, "Condition": "No"}},
    )
    assert {} == resolver.deploy()
    assert ["B"] == [resource.logical_id for resource in deployer.made]


def test_a_circle_of_resources_is_named() -> None:
    """Resources that need each other are reported with the way around."""
    resolver, _ = _resolver(
        Resources={
            "A": {"Type": "T", "Properties": {"x": {"Ref": "B"}}},
            "B": {"Type": "T", "Properties": {"x": {"Fn::GetAtt": ["A", "Arn"]}}},
        }
    )
    with pytest.raises(CannotDeploy, match="A -> B -> A"):
        resolver.deploy()


def test_exports_reach_the_next_stack() -> None:
    """What one stack exports, a later one imports."""
    exports: dict[str, Any] = {}
    first, _ = _resolver(
        exports, Outputs={"O": {"Value": {"Ref": "Thing"}, "Export": {"Name": "S:O"}}}
    )
    assert {"O": "ref-Thing"} == first.deploy()
    assert "ref-Thing" == _resolve({"Fn::ImportValue": "S:O"}, exports)


def test_parameters_have_their_default_or_the_value_behind_its_name() -> None:
    """A plain parameter is its default; an SSM-typed one is the parameter its default names."""
    parameters = {
        "Plain": {"Type": "String", "Default": "x"},
        "List": {"Type": "CommaDelimitedList", "Default": "a, b"},
        "Stored": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/boot"},
        "Bare": {"Type": "String"},
    }
    values = [{"Ref": "Plain"}, {"Ref": "List"}, {"Ref": "Stored"}]
    assert ["x", ["a", "b"], "parameter /boot"] == _resolve(values, Parameters=parameters)
    with pytest.raises(CannotDeploy, match="parameter Bare has no value"):
        _resolve({"Ref": "Bare"}, Parameters=parameters)
