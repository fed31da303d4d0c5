"""What the environment tells a function: one frozen model per concern, read once at cold start.

This is the only file that reads `os.environ`. `load(DatabaseSettings)` reads
`ORCHSTACK_DATABASE_HOST` into `host`, and so on; an empty value counts as absent.
"""

from __future__ import annotations

import os
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import Field, ValidationError

from orchstack.kernel.frozen import Frozen

Port = Annotated[int, Field(ge=1, le=65_535)]


class Misconfigured(RuntimeError):
    """A variable of the environment is missing or wrong; the message names it, never its value."""


class Settings(Frozen):
    """A group of settings; a field's variable is `PREFIX` and the field's name in capitals."""

    PREFIX: ClassVar[str]


class RuntimeSettings(Settings):
    """Where the code runs; the names are Lambda's and Powertools' own."""

    PREFIX: ClassVar[str] = ""
    powertools_service_name: str = "orchstack"
    powertools_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    aws_lambda_function_name: str = "local"
    aws_region: str = "us-east-1"


class DatabaseSettings(Settings):
    """How to reach PostgreSQL, and as whom."""

    PREFIX: ClassVar[str] = "ORCHSTACK_DATABASE_"
    host: str
    port: Port = 5432
    name: str = "orchstack"
    user: str = "orchstack_app"
    # `iam`: a token per connection; `trust`: no password, loopback only; `secret`: migrations.
    auth: Literal["iam", "trust", "secret"] = "iam"
    tls: Literal["verify-full", "off"] = "verify-full"
    ca_bundle: str = "/opt/rds-global-bundle.pem"
    secret_arn: str | None = None
    connect_timeout_s: Annotated[int, Field(ge=1, le=60)] = 5


class CacheSettings(Settings):
    """How to reach Valkey (always in cluster mode)."""

    PREFIX: ClassVar[str] = "ORCHSTACK_CACHE_"
    host: str
    port: Port = 6379
    tls: bool = True
    timeout_s: Annotated[float, Field(gt=0, le=10)] = 1.0


class ProvidersSettings(Settings):
    """Where the model providers' keys are kept."""

    PREFIX: ClassVar[str] = "ORCHSTACK_PROVIDERS_"
    secret_arn: str


class BlobsSettings(Settings):
    """Which bucket holds the bytes that come with runs."""

    PREFIX: ClassVar[str] = "ORCHSTACK_BLOBS_"
    bucket: str


class EventSettings(Settings):
    """Where the outbox is relayed to, and whom to nudge when it fills."""

    PREFIX: ClassVar[str] = "ORCHSTACK_"
    event_bus_name: str | None = None
    nudge_queue_url: str | None = None


class MachineSettings(Settings):
    """The state machine that carries runs on."""

    PREFIX: ClassVar[str] = "ORCHSTACK_AGENT_RUN_"
    machine_arn: str


class TelemetrySettings(Settings):
    """Where the traces of runs are sent by OTLP/HTTP, and what headers that takes."""

    PREFIX: ClassVar[str] = "ORCHSTACK_OTLP_"
    # The whole address, which usually ends in /v1/traces.
    endpoint: str
    # A JSON object of headers, such as {"authorization": "Bearer …"}.
    headers_secret_arn: str | None = None


class SocketSettings(Settings):
    """The callback address of the WebSocket stage."""

    PREFIX: ClassVar[str] = "ORCHSTACK_SOCKET_"
    endpoint: str


class PlatformSettings(Settings):
    """Where the first platform key is put."""

    PREFIX: ClassVar[str] = "ORCHSTACK_PLATFORM_"
    key_secret_arn: str


SettingsT = TypeVar("SettingsT", bound=Settings)


def load(cls: type[SettingsT]) -> SettingsT:
    """Read a group of settings from the environment; raises Misconfigured, naming the variables."""
    names = {field: f"{cls.PREFIX}{field}".upper() for field in cls.model_fields}
    values = {field: os.environ[name] for field, name in names.items() if os.environ.get(name)}
    try:
        return cls.model_validate(values)
    except ValidationError as error:
        faults = [f"{names[str(e['loc'][0])]} ({e['msg']})" for e in error.errors()]
        raise Misconfigured(f"the environment does not fit: {'; '.join(faults)}") from None
