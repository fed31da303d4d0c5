"""What a target of an EventBridge rule receives: Input, InputPath, InputTransformer or the event.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

from __future__ import annotations

import json
import re

from orchstack.kernel.plain import JsonMapping, JsonObject
from orchstack.local.values import Value

_STEP = re.compile(r"\[['\"]?([^\]'\"]+)['\"]?\]|([^.\[\]]+)")
_PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.\-]+)>")


def render(target: JsonMapping, event: JsonMapping, rule_arn: str) -> str:
    """Build the payload a target gets for an event."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return _json(_at(event, target["InputPath"]))
    if "InputTransformer" in target:
        transformer = target["InputTransformer"]
        values = {
            name: _at(event, path) for name, path in transformer.get("InputPathsMap", {}).items()
        }
        return _fill(transformer["InputTemplate"], values | _reserved(event, rule_arn))
    return _json(event)


def _reserved(event: JsonMapping, rule_arn: str) -> JsonObject:
    return {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rsplit("/", 1)[-1],
        "aws.events.event.ingestion-time": event.get("time"),
        "aws.events.event": {key: value for key, value in event.items() if key != "detail"},
        "aws.events.event.json": dict(event),
    }


def _at(event: Value, path: str) -> Value:
    """The value at a simple JSON path such as `$.detail.items[0]`; None where there is none."""
    current = event
    for bracketed, plain in _STEP.findall(path.removeprefix("$")):
        step = bracketed or plain
        if isinstance(current, list) and step.isdigit() and int(step) < len(current):
            current = current[int(step)]
        elif isinstance(current, dict) and step in current:
            current = current[step]
        else:
            return None
    return current


def _fill(template: str, values: JsonMapping) -> str:
    """Replace `<name>`: bare inside quotes, as JSON outside of them."""
    pieces: list[str] = []
    position, quoted = 0, False
    while position < len(template):
        found = _PLACEHOLDER.match(template, position)
        if found and found.group(1) in values:
            pieces.append(_inserted(values[found.group(1)], quoted))
            position = found.end()
            continue
        if template[position] == '"' and template[position - 1 : position] != "\\":
            quoted = not quoted
        pieces.append(template[position])
        position += 1
    return "".join(pieces)


def _inserted(value: Value, quoted: bool) -> str:
    if not quoted:
        return _json(value)
    if value is None:
        return ""
    text = value if isinstance(value, str) else _json(value)
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _json(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
