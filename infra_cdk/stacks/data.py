"""Everything that keeps state; it outlives every change of the functions."""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration, RemovalPolicy, SecretValue, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secrets
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra_cdk.constructs.database import Database
from infra_cdk.nag import acknowledge
from infra_cdk.stacks.network import NetworkStack
from infra_cdk.stages import Stage

VALKEY_MAJOR = "8"
PLATFORM_KEY_LENGTH = 43
USERS = {
    "AwsSolutions-COG2": "a second factor is offered; who must use one is the operator's policy",
    "AwsSolutions-COG8": "the plus tier costs per user; the API's own keys do not depend on it",
}


class DataStack(Stack):
    """The database, the cache, buckets, secrets, the event bus, the users, and the key over all."""

    def __init__(self, scope: Construct, stage: Stage, network: NetworkStack) -> None:
        super().__init__(
            scope,
            f"OrchStack-{stage.name}-Data",
            termination_protection=stage.protected,
        )
        self._removal = RemovalPolicy.RETAIN if stage.protected else RemovalPolicy.DESTROY
        self.key = kms.Key(
            self,
            "Key",
            enable_key_rotation=True,
            removal_policy=self._removal,
            description=f"OrchStack {stage.name}: data at rest",
        )
        self.database = Database(self, stage, network, self.key)
        self.cache = self._cache(stage, network)
        self.blobs = self._blobs()
        self.blobs_arn = self.export_value(self.blobs.bucket_arn)
        self.providers = self._providers()
        self.platform_key = self._platform_key()
        self.bus = self._bus(stage)
        self.alarms = self._alarms()
        self._users(stage)
        CfnOutput(self, "PlatformKeySecret", value=self.platform_key.secret_arn)
        CfnOutput(self, "ProvidersSecret", value=self.providers.secret_arn)
        CfnOutput(self, "AlarmTopic", value=self.alarms.topic_arn)

    def _cache(self, stage: Stage, network: NetworkStack) -> elasticache.CfnServerlessCache:
        gigabytes = elasticache.CfnServerlessCache.DataStorageProperty(
            unit="GB", maximum=stage.cache_max_gb
        )
        cache = elasticache.CfnServerlessCache(
            self,
            "Cache",
            engine="valkey",
            major_engine_version=VALKEY_MAJOR,
            serverless_cache_name=f"orchstack-{stage.name}",
            cache_usage_limits=elasticache.CfnServerlessCache.CacheUsageLimitsProperty(
                data_storage=gigabytes
            ),
            kms_key_id=self.key.key_id,
            security_group_ids=[network.cache.security_group_id],
            subnet_ids=network.vpc.select_subnets().subnet_ids,
            snapshot_retention_limit=stage.cache_snapshots,
        )
        cache.apply_removal_policy(self._removal)
        return cache

    def _blobs(self) -> s3.Bucket:
        log = s3.Bucket(
            self,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(90))],
            removal_policy=self._removal,
        )
        return s3.Bucket(
            self,
            "Blobs",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(noncurrent_version_expiration=Duration.days(30)),
                s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(1)),
            ],
            server_access_logs_bucket=log,
            server_access_logs_prefix="blobs/",
            removal_policy=self._removal,
        )

    def _providers(self) -> secrets.Secret:
        providers = secrets.Secret(
            self,
            "Providers",
            description="Model providers and their keys, as JSON; the operator fills it in",
            encryption_key=self.key,
            # An empty object is no secret; the operator's value survives later deployments.
            secret_string_value=SecretValue.unsafe_plain_text("{}"),
            removal_policy=self._removal,
        )
        acknowledge(providers, {"AwsSolutions-SMG4": "only the providers can rotate their keys"})
        return providers

    def _platform_key(self) -> secrets.Secret:
        key = secrets.Secret(
            self,
            "PlatformKey",
            description="The key that creates the first tenant",
            encryption_key=self.key,
            generate_secret_string=secrets.SecretStringGenerator(
                exclude_punctuation=True, password_length=PLATFORM_KEY_LENGTH
            ),
            removal_policy=self._removal,
        )
        acknowledge(key, {"AwsSolutions-SMG4": "the operator rotates it: docs/operations.md"})
        return key

    def _bus(self, stage: Stage) -> events.EventBus:
        bus = events.EventBus(self, "Bus", event_bus_name=f"orchstack-{stage.name}")
        bus.apply_removal_policy(self._removal)
        bus.archive(
            "Archive",
            event_pattern=events.EventPattern(source=events.Match.prefix("orchstack.")),
            retention=Duration.days(stage.archive_days),
        )
        return bus

    def _alarms(self) -> sns.Topic:
        cloudwatch = iam.ServicePrincipal(
            "cloudwatch.amazonaws.com",
            conditions={"StringEquals": {"aws:SourceAccount": self.account}},
        )
        self.key.grant(cloudwatch, "kms:Decrypt", "kms:GenerateDataKey")
        topic = sns.Topic(self, "Alarms", master_key=self.key, enforce_ssl=True)
        # A topic with a policy of its own no longer has the one that lets the account publish.
        topic.grant_publish(cloudwatch)
        return topic

    def _users(self, stage: Stage) -> None:
        pool = cognito.UserPool(
            self,
            "Users",
            sign_in_aliases=cognito.SignInAliases(email=True),
            self_sign_up_enabled=False,
            mfa=cognito.Mfa.OPTIONAL,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            password_policy=cognito.PasswordPolicy(
                min_length=14,
                require_digits=True,
                require_lowercase=True,
                require_symbols=True,
                require_uppercase=True,
                temp_password_validity=Duration.days(1),
            ),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            deletion_protection=stage.protected,
            removal_policy=self._removal,
        )
        acknowledge(pool, USERS)
        pool.add_client(
            "Panel",
            auth_flows=cognito.AuthFlow(user_srp=True),
            disable_o_auth=True,
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            access_token_validity=Duration.minutes(15),
            id_token_validity=Duration.minutes(15),
        )
