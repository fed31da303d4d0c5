"""The stages as data: a cheap `dev`, which sleeps when idle, and a `prod`, which does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class DatabaseSize:
    """How large Aurora may grow, in Aurora capacity units (2 GiB each), and how well it is kept."""

    min_acu: float
    max_acu: float
    readers: int
    backup_days: int


@dataclass(frozen=True, kw_only=True)
class Concurrency:
    """How many of a function run at once: the bound on database connections, one each.

    Together they stay 100 below the account's own limit (1,000 unless it was raised or is new).
    """

    each: int
    special: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, function: str) -> int:
        """Return the most of `<service>/<verb_noun>` that may run at once."""
        return self.special.get(function, self.each)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One installation of OrchStack; `protected` data is not deleted with the stack."""

    name: str
    protected: bool
    # 0: no NAT; the functions reach AWS and the providers over IPv6 (egress only, free).
    nat_gateways: int
    database: DatabaseSize
    cache_max_gb: int
    cache_snapshots: int
    concurrency: Concurrency
    log_days: int
    archive_days: int
    # The net under the nudges; every sweep wakes a database that pauses.
    sweep: str
    requests_per_second: int
    request_burst: int
    firewall: bool
    function_alarms: bool
    # Where the traces of ended runs go by OTLP/HTTP, such as https://otlp.example.com/v1/traces;
    # without it they are not exported. In `dev` the functions reach it over IPv6.
    otlp_endpoint: str | None = None
    # A secret that holds the headers as a JSON object, under the account's own key of Secrets
    # Manager: the operator makes it, so that a deployment never carries its value.
    otlp_headers_secret_arn: str | None = None


DEV = Stage(
    name="dev",
    protected=False,
    nat_gateways=0,
    database=DatabaseSize(min_acu=0, max_acu=4, readers=0, backup_days=1),
    cache_max_gb=1,
    cache_snapshots=0,
    concurrency=Concurrency(
        each=10,
        special={
            "agent_runtime/advance_run": 40,
            "agent_runtime/start_run": 40,
            # Each of its readers holds one.
            "agent_runtime/stream_run_events": 40,
            "agent_runtime/sweep_runs": 1,
            "control_plane/authorize_request": 40,
            "control_plane/migrate_database": 1,
        },
    ),
    log_days=14,
    archive_days=7,
    sweep="rate(1 hour)",
    requests_per_second=200,
    request_burst=400,
    firewall=False,
    function_alarms=False,
)

PROD = Stage(
    name="prod",
    protected=True,
    nat_gateways=2,
    database=DatabaseSize(min_acu=0.5, max_acu=32, readers=1, backup_days=30),
    cache_max_gb=20,
    cache_snapshots=7,
    concurrency=Concurrency(
        each=6,
        special={
            "agent_runtime/advance_run": 150,
            "agent_runtime/compare_versions": 5,
            "agent_runtime/export_traces": 5,
            "agent_runtime/get_trace": 5,
            "agent_runtime/list_outcomes": 5,
            "agent_runtime/measure_agent": 5,
            "agent_runtime/report_usage": 5,
            "agent_runtime/start_run": 200,
            "agent_runtime/stream_run_events": 150,
            "agent_runtime/sweep_runs": 1,
            "control_plane/authorize_request": 100,
            "control_plane/get_alias": 5,
            "control_plane/migrate_database": 1,
            "control_plane/validate_agent": 5,
        },
    ),
    log_days=90,
    archive_days=90,
    sweep="rate(1 minute)",
    requests_per_second=2_000,
    request_burst=4_000,
    firewall=True,
    function_alarms=True,
)

STAGES: Mapping[str, Stage] = MappingProxyType({stage.name: stage for stage in (DEV, PROD)})
