"""Aurora PostgreSQL Serverless v2: encrypted, TLS only, signed in to by IAM token."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from constructs import Construct

from infra_cdk.nag import acknowledge
from infra_cdk.stacks.network import NetworkStack
from infra_cdk.stages import Stage

DATABASE_NAME = "orchstack"
MASTER_USER = "orchstack_master"
# The local PostgreSQL has the same version: tests/infra compares them.
VERSION = rds.AuroraPostgresEngineVersion.VER_18_6

ACKNOWLEDGED = {
    "CloudFormation-Validate::E9006": "the CDK knows 18.6, the list in its validator ends at 18.4",
    "AwsSolutions-RDS11": "the port hides nothing: only the functions' security group reaches it",
}
SHORT_LIVED = {"AwsSolutions-RDS10": "a development stage is deleted as a whole"}


class Database(rds.DatabaseCluster):
    """The cluster; with `min_acu` 0 it pauses after five idle minutes; a connection wakes it."""

    def __init__(
        self, scope: Construct, stage: Stage, network: NetworkStack, key: kms.IKey
    ) -> None:
        size = stage.database
        # RDS keeps the master password in Secrets Manager and rotates it; only migrations use it.
        master = rds.Credentials.from_username(MASTER_USER, encryption_key=key)
        super().__init__(
            scope,
            "Database",
            engine=rds.DatabaseClusterEngine.aurora_postgres(version=VERSION),
            parameters={"rds.force_ssl": "1"},
            vpc=network.vpc,
            security_groups=[network.database],
            default_database_name=DATABASE_NAME,
            credentials=master,
            manage_master_user_password=True,
            iam_authentication=True,
            storage_encrypted=True,
            storage_encryption_key=key,
            writer=_instance("Writer"),
            readers=[_instance(f"Reader{n}", in_step=True) for n in range(1, size.readers + 1)],
            serverless_v2_min_capacity=size.min_acu,
            serverless_v2_max_capacity=size.max_acu,
            serverless_v2_auto_pause_duration=None if size.min_acu else Duration.minutes(5),
            backup=rds.BackupProps(retention=Duration.days(size.backup_days)),
            copy_tags_to_snapshot=True,
            cloudwatch_logs_exports=["postgresql"],
            deletion_protection=stage.protected,
            removal_policy=RemovalPolicy.SNAPSHOT if stage.protected else RemovalPolicy.DESTROY,
        )
        acknowledge(self, ACKNOWLEDGED if stage.protected else {**ACKNOWLEDGED, **SHORT_LIVED})


def _instance(name: str, *, in_step: bool = False) -> rds.IClusterInstance:
    return rds.ClusterInstance.serverless_v2(
        name, scale_with_writer=in_step or None, publicly_accessible=False
    )
