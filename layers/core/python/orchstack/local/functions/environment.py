"""What a worker process starts with: the environment and the command Lambda would give it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from orchstack.local import tether
from orchstack.local.functions.model import FunctionSpec

_OPT = "/opt/"


class WrapperMissing(Exception):
    """The AWS_LAMBDA_EXEC_WRAPPER of a function lies in none of its layers."""


def environment(
    spec: FunctionSpec, worker_id: str, runtime_api: str, overrides: Mapping[str, str]
) -> dict[str, str]:
    """Build a worker's whole environment: nothing of ours leaks into it.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
    """
    folders = [spec.code_dir, *(layer / "python" for layer in spec.layer_dirs)]
    return {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.defpath)),
        "PYTHONPATH": os.pathsep.join(str(folder) for folder in folders),
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": spec.log_format,
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": worker_id,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "LAMBDA_TASK_ROOT": str(spec.code_dir),
        "_HANDLER": spec.handler,
        # The developer's own AWS settings must not reach a function.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        **spec.environment,
        **overrides,
    }


def command(spec: FunctionSpec) -> list[str]:
    """Build a worker's command line: tied to this process, through the wrapper if there is one."""
    runtime = [sys.executable, "-m", "awslambdaric", spec.handler]
    wrapper = spec.environment.get("AWS_LAMBDA_EXEC_WRAPPER")
    if wrapper:
        runtime.insert(0, str(_in_layers(wrapper, spec)))
    # SIGKILL when this process ends, whatever ends it; the user stays ours.
    tie = [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), "9", "0"]
    return [*tie, *runtime]


def _in_layers(wrapper: str, spec: FunctionSpec) -> Path:
    # On Lambda the layers are unpacked over each other under /opt, so the last one wins.
    if not wrapper.startswith(_OPT):
        return Path(wrapper)
    for layer in reversed(spec.layer_dirs):
        found = layer / wrapper.removeprefix(_OPT)
        if found.is_file():
            return found
    msg = f"{wrapper} is in no layer of {spec.name}"
    raise WrapperMissing(msg)
