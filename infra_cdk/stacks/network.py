"""The network: a dual-stack VPC, and who in it may speak to whom."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infra_cdk.constructs.log_group import log_group
from infra_cdk.stages import Stage

DATABASE_PORT = 5432
# ElastiCache Serverless answers reads from replicas on the second.
CACHE_PORTS = (6379, 6380)
HTTPS = 443


class NetworkStack(Stack):
    """The VPC; functions reach the database and the cache, and nobody reaches functions."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(scope, f"OrchStack-{stage.name}-Network")
        self.vpc = self._vpc(stage)
        self.functions = self._group("Functions", "Lambda functions")
        self.database = self._group("Database", "Aurora PostgreSQL")
        self.cache = self._group("Cache", "Valkey")
        self._allow()

    def _vpc(self, stage: Stage) -> ec2.Vpc:
        private = ec2.SubnetConfiguration(
            name="Private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=20
        )
        public = ec2.SubnetConfiguration(
            name="Public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24
        )
        flow_logs = ec2.FlowLogDestination.to_cloud_watch_logs(
            log_group(self, "FlowLogs", stage.log_days)
        )
        return ec2.Vpc(
            self,
            "Vpc",
            ip_protocol=ec2.IpProtocol.DUAL_STACK,
            max_azs=2,
            nat_gateways=stage.nat_gateways,
            subnet_configuration=[private, public] if stage.nat_gateways else [private],
            create_internet_gateway=stage.nat_gateways > 0,
            restrict_default_security_group=False,
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)
            },
            flow_logs={"Flow": ec2.FlowLogOptions(destination=flow_logs)},
        )

    def _group(self, name: str, whose: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self, name, vpc=self.vpc, description=f"OrchStack: {whose}", allow_all_outbound=False
        )

    def _allow(self) -> None:
        port = ec2.Port.tcp(HTTPS)
        self.functions.add_egress_rule(ec2.Peer.any_ipv4(), port, "AWS and providers")
        self.functions.add_egress_rule(ec2.Peer.any_ipv6(), port, "AWS and providers")
        self.database.connections.allow_from(self.functions, ec2.Port.tcp(DATABASE_PORT))
        self.cache.connections.allow_from(self.functions, ec2.Port.tcp_range(*CACHE_PORTS))
