"""Migrates the database before any function changes: a custom resource keyed by the SQL files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from aws_cdk import CustomResource, Duration, Stack
from constructs import Construct

from infra_cdk.constructs.database import MASTER_USER
from infra_cdk.constructs.layers import layers
from infra_cdk.constructs.python_function import PythonFunction
from infra_cdk.house import House
from infra_cdk.package import CORE
from infra_cdk.stacks.data import DataStack
from infra_cdk.stacks.network import NetworkStack
from infra_cdk.stages import Stage

MIGRATIONS = CORE / "python" / "orchstack" / "kernel" / "db" / "migrations"
# The longest a function may run; the runner's own lock timeouts are far shorter.
MINUTES = 15


def digest(folder: Path) -> str:
    """Return the hash of the migrations in `folder`: of their names and their SQL."""
    files = [
        path.name.encode() + b"\0" + path.read_bytes() for path in sorted(folder.glob("*.sql"))
    ]
    return hashlib.sha256(b"\0".join(files)).hexdigest()


class MigrationsStack(Stack):
    """The function that migrates, and the resource that calls it when the migrations changed."""

    def __init__(
        self, scope: Construct, stage: Stage, network: NetworkStack, data: DataStack
    ) -> None:
        super().__init__(scope, f"OrchStack-{stage.name}-Migrations")
        house = House(stage=stage, network=network, data=data, layers=layers(self))
        migrate = PythonFunction(
            self, house, "control_plane/migrate_database", user=MASTER_USER, timeout_s=MINUTES * 60
        )
        migrate.set("DATABASE_AUTH", "secret")
        master = data.database.secret
        if master is None:
            raise ValueError("RDS keeps the master password in a secret; there is none")
        migrate.read_secret(master, "DATABASE")
        migrate.read_secret(data.platform_key, "PLATFORM_KEY")
        CustomResource(
            self,
            "Migrated",
            resource_type="Custom::DatabaseMigrations",
            service_token=migrate.function.function_arn,
            service_timeout=Duration.minutes(MINUTES),
            properties={"Migrations": digest(MIGRATIONS)},
        )
