"""Lambda and Step Functions."""

from __future__ import annotations

from pathlib import Path

from orchstack.local import machines
from orchstack.local.async_invocations import AsyncConfig
from orchstack.local.failures import CannotDeploy
from orchstack.local.functions import FunctionSpec
from orchstack.local.intrinsics import text
from orchstack.local.queues import EventSource
from orchstack.local.resources.model import Emulated, Providers, Site, arn, physical_name
from orchstack.local.template import ACCOUNT, Created, Resource
from orchstack.local.values import Value

ROLE = f"arn:aws:iam::{ACCOUNT}:role/local"

_LONGEST_NAME = 64
# The smallest zip archive: moto wants code, the workers run it from where it lies.
_EMPTY_ZIP = b"PK\x05\x06" + bytes(18)


def _function(site: Site, resource: Resource) -> Created:
    properties = resource.properties
    name = _function_name(site, resource)
    function_arn = arn("lambda", f"function:{name}")
    created = Created(name, {"Arn": function_arn})
    if not str(properties.get("Runtime", "")).startswith("python"):
        return created
    site.functions.register(_spec(site, name, function_arn, resource))
    dead_letter = properties.get("DeadLetterConfig", {}).get("TargetArn")
    if dead_letter:
        site.functions.asynchronous.register(name, AsyncConfig(dead_letter=dead_letter))
    site.clients.get("lambda").create_function(
        FunctionName=name,
        Runtime=properties["Runtime"],
        Role=ROLE,
        Handler=properties["Handler"],
        Timeout=properties.get("Timeout", 3),
        MemorySize=properties.get("MemorySize", 128),
        Code={"ZipFile": _EMPTY_ZIP},
    )
    return created


def _function_name(site: Site, resource: Resource) -> str:
    """The given name, or one that tells the handler apart, if no other function has it."""
    module = str(resource.properties.get("Handler", "")).rpartition(".")[0].replace(".", "-")
    readable = f"{resource.stack.name}-{module}"
    named = "FunctionName" in resource.properties or not module
    if named or len(readable) > _LONGEST_NAME or readable in site.functions.specs:
        return physical_name(resource, "FunctionName", _LONGEST_NAME)
    return readable


def _spec(site: Site, name: str, function_arn: str, resource: Resource) -> FunctionSpec:
    properties = resource.properties
    if "S3Key" not in properties["Code"]:
        raise CannotDeploy(f"{resource}: only code from an asset runs here")
    variables = properties.get("Environment", {}).get("Variables", {})
    return FunctionSpec(
        name=name,
        arn=function_arn,
        service=variables.get("POWERTOOLS_SERVICE_NAME", resource.stack.name),
        handler=properties["Handler"],
        code_dir=resource.stack.asset(properties["Code"]["S3Key"]),
        layer_dirs=tuple(
            _layer_folder(site, resource, arn) for arn in properties.get("Layers", ())
        ),
        environment={key: text(value) for key, value in variables.items()},
        timeout_s=float(properties.get("Timeout", 3)),
        memory_mb=int(properties.get("MemorySize", 128)),
        concurrency=properties.get("ReservedConcurrentExecutions"),
        log_format=properties.get("LoggingConfig", {}).get("LogFormat", "Text"),
    )


def _layer_folder(site: Site, resource: Resource, layer_arn: str) -> Path:
    if layer_arn not in site.layers:
        raise CannotDeploy(f"{resource}: the layer {layer_arn} is not part of this assembly")
    return site.layers[layer_arn]


def _layer(site: Site, resource: Resource) -> Created:
    layer = arn("lambda", f"layer:{physical_name(resource, 'LayerName', 140)}:1")
    site.layers[layer] = resource.stack.asset(resource.properties["Content"]["S3Key"])
    return Created(layer, {"LayerVersionArn": layer})


def _version(site: Site, resource: Resource) -> Created:
    name = _name_of(resource.properties["FunctionName"])
    answer = site.clients.get("lambda").publish_version(FunctionName=name)
    version = str(answer["Version"])
    ref = arn("lambda", f"function:{name}:{version}")
    return Created(ref, {"Version": version, "FunctionArn": ref})


def _alias(site: Site, resource: Resource) -> Created:
    properties = resource.properties
    name = _name_of(properties["FunctionName"])
    site.clients.get("lambda").create_alias(
        FunctionName=name, Name=properties["Name"], FunctionVersion=properties["FunctionVersion"]
    )
    ref = arn("lambda", f"function:{name}:{properties['Name']}")
    return Created(ref, {"AliasArn": ref})


def _invoke_config(site: Site, resource: Resource) -> Created:
    properties = resource.properties
    name = _name_of(properties["FunctionName"])
    destinations = properties.get("DestinationConfig", {})
    before = site.functions.asynchronous.config(name)
    config = AsyncConfig(
        max_retries=int(properties.get("MaximumRetryAttempts", before.max_retries)),
        max_age_s=float(properties.get("MaximumEventAgeInSeconds", before.max_age_s)),
        on_success=destinations.get("OnSuccess", {}).get("Destination"),
        on_failure=destinations.get("OnFailure", {}).get("Destination"),
        dead_letter=before.dead_letter,
    )
    site.functions.asynchronous.register(name, config)
    return Created(f"{name}|$LATEST")


def _event_source(site: Site, resource: Resource) -> Created:
    properties = resource.properties
    source = properties.get("EventSourceArn", "")
    if ":sqs:" not in source:
        raise CannotDeploy(f"{resource}: only queues feed functions here, not {source or 'this'}")
    if properties.get("FilterCriteria"):
        raise CannotDeploy(f"{resource}: FilterCriteria are not known here")
    if properties.get("Enabled", True):
        site.event_sources.append(
            EventSource(
                queue_arn=source,
                function_name=_name_of(properties["FunctionName"]),
                batch_size=int(properties.get("BatchSize", 10)),
                window_s=float(properties.get("MaximumBatchingWindowInSeconds", 0)),
                reports_failures="ReportBatchItemFailures"
                in properties.get("FunctionResponseTypes", ()),
                max_concurrency=properties.get("ScalingConfig", {}).get("MaximumConcurrency"),
            )
        )
    return Created(resource.name, {"Id": resource.name})


def _permission(_site: Site, resource: Resource) -> Created:
    return Created(resource.name, {"Id": resource.name})


def _machine(site: Site, resource: Resource) -> Created:
    name = physical_name(resource, "StateMachineName", 80)
    answer = site.clients.get("stepfunctions").create_state_machine(
        name=name,
        definition=machines.definition_of(resource),
        roleArn=ROLE,
        type=resource.properties.get("StateMachineType", "STANDARD"),
    )
    attributes = {"Arn": answer["stateMachineArn"], "Name": name, "StateMachineRevisionId": "1"}
    return Created(answer["stateMachineArn"], attributes)


def _name_of(name_or_arn: Value) -> str:
    return str(name_or_arn).rsplit(":function:", 1)[-1].partition(":")[0]


PROVIDERS: Providers = {
    "AWS::Lambda::Function": Emulated(
        _function,
        "runs on this machine's Python and processor; other languages than Python do not run",
    ),
    "AWS::Lambda::LayerVersion": Emulated(_layer, "the source folder, not the built archive"),
    "AWS::Lambda::Version": Emulated(_version, "always runs the newest code"),
    "AWS::Lambda::Alias": Emulated(_alias, "always runs the newest code; no weights"),
    "AWS::Lambda::Permission": Emulated(_permission, "no permission is checked"),
    "AWS::Lambda::EventInvokeConfig": Emulated(
        _invoke_config, "tries again after 1 and 2 seconds, not minutes"
    ),
    "AWS::Lambda::EventSourceMapping": Emulated(_event_source, "SQS only; no filters"),
    "AWS::StepFunctions::StateMachine": Emulated(
        _machine, "executions end with the local cloud; the last 500 a machine are kept; no redrive"
    ),
}
