"""State machines: their definition out of a template, and how their executions stand."""

from __future__ import annotations

import json
import re
from collections import Counter

from orchstack.local.failures import CannotDeploy
from orchstack.local.intrinsics import text
from orchstack.local.state import backends
from orchstack.local.template import Resource

_TOKEN = re.compile(r"\$\{[^}]+\}")


def definition_of(resource: Resource) -> str:
    """The definition of a machine with its tokens filled in; raises CannotDeploy if one is left."""
    properties = resource.properties
    if "DefinitionS3Location" in properties:
        key = properties["DefinitionS3Location"]["Key"]
        source = resource.stack.asset(key).read_text("utf-8")
    elif "DefinitionString" in properties:
        source = str(properties["DefinitionString"])
    else:
        source = json.dumps(properties["Definition"])
    for token, value in properties.get("DefinitionSubstitutions", {}).items():
        source = source.replace(f"${{{token}}}", text(value))
    left = _TOKEN.search(source)
    if left:
        raise CannotDeploy(f"{resource}: nothing is bound to {left.group()}")
    return source


def executions_by_state() -> dict[str, dict[str, int]]:
    """How many executions of each machine are in which state."""
    return {
        machine.name: dict(Counter(str(execution.status) for execution in machine.executions))
        for machine in list(backends.machines().state_machines)
    }
