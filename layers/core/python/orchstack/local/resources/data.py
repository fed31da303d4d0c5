"""S3, and the endpoints of Aurora and ElastiCache: PostgreSQL and Valkey on this machine."""

from __future__ import annotations

import json

import psycopg
from psycopg import sql

from orchstack.kernel.plain import JsonObject
from orchstack.local.failures import CannotDeploy
from orchstack.local.postgres import SUPERUSER, create_database
from orchstack.local.resources.model import Emulated, Providers, Site, arn, physical_name
from orchstack.local.state import backends
from orchstack.local.template import Created, Resource


def _bucket(site: Site, resource: Resource) -> Created:
    properties = resource.properties
    name = physical_name(resource, "BucketName", 63).lower()
    client = site.clients.get("s3")
    if name not in backends.buckets().buckets:
        lock = properties.get("ObjectLockEnabled", False)
        client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
    if properties.get("VersioningConfiguration", {}).get("Status") == "Enabled":
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    if "NotificationConfiguration" in properties:
        client.put_bucket_notification_configuration(
            Bucket=name, NotificationConfiguration=_notifications(resource)
        )
    return Created(name, _bucket_attributes(name))


def _bucket_attributes(name: str) -> JsonObject:
    return {
        "Arn": f"arn:aws:s3:::{name}",
        "DomainName": f"{name}.s3.amazonaws.com",
        "DualStackDomainName": f"{name}.s3.dualstack.us-east-1.amazonaws.com",
        "RegionalDomainName": f"{name}.s3.us-east-1.amazonaws.com",
    }


def _notifications(resource: Resource) -> JsonObject:
    """The template's configuration in the words of the API."""
    given = resource.properties["NotificationConfiguration"]
    wanted: JsonObject = {}
    if given.get("LambdaConfigurations") or given.get("TopicConfigurations"):
        raise CannotDeploy(f"{resource}: a bucket notifies queues and EventBridge only here")
    if given.get("EventBridgeConfiguration", {}).get("EventBridgeEnabled", False):
        wanted["EventBridgeConfiguration"] = {}
    if given.get("QueueConfigurations"):
        wanted["QueueConfigurations"] = [
            {"QueueArn": queue["Queue"], "Events": [queue["Event"]], **_filter(queue)}
            for queue in given["QueueConfigurations"]
        ]
    return wanted


def _filter(configuration: JsonObject) -> JsonObject:
    rules = configuration.get("Filter", {}).get("S3Key", {}).get("Rules")
    return {"Filter": {"Key": {"FilterRules": rules}}} if rules else {}


def _cluster(site: Site, resource: Resource) -> Created:
    properties = resource.properties
    name = physical_name(resource, "DBClusterIdentifier", 63).lower()
    master = properties.get("MasterUsername", SUPERUSER)
    _create_master(site.postgres.dsn(dbname=SUPERUSER), master)
    if "DatabaseName" in properties:
        create_database(site.postgres.dsn(dbname=SUPERUSER), properties["DatabaseName"])
    return Created(
        name,
        {
            "DBClusterArn": arn("rds", f"cluster:{name}"),
            "DBClusterResourceId": f"cluster-{name}",
            "Endpoint.Address": site.postgres.host,
            "Endpoint.Port": str(site.postgres.port),
            "ReadEndpoint.Address": site.postgres.host,
            "MasterUserSecret.SecretArn": _master_secret(site, name, master),
        },
    )


def _create_master(administrator: str, name: str) -> None:
    with psycopg.connect(administrator, autocommit=True, connect_timeout=10) as connection:
        known = connection.execute("select 1 from pg_roles where rolname = %s", (name,))
        if known.fetchone() is None:
            connection.execute(
                sql.SQL("create role {} superuser login").format(sql.Identifier(name))
            )


def _master_secret(site: Site, cluster: str, master: str) -> str:
    name = f"rds!{cluster}"
    kept = backends.secrets().secrets.get(name)
    if kept:
        return str(kept.arn)
    value = json.dumps({"username": master, "password": "unused"})
    answer = site.clients.get("secretsmanager").create_secret(Name=name, SecretString=value)
    return str(answer["ARN"])


def _cache(site: Site, resource: Resource) -> Created:
    name = physical_name(resource, "ServerlessCacheName", 40).lower()
    endpoint = {
        f"{kind}.{part}": value
        for kind in ("Endpoint", "ReaderEndpoint")
        for part, value in (("Address", site.valkey.host), ("Port", str(site.valkey.port)))
    }
    return Created(name, {"ARN": arn("elasticache", f"serverlesscache:{name}"), **endpoint})


PROVIDERS: Providers = {
    "AWS::S3::Bucket": Emulated(
        _bucket,
        "objects and their versions survive a restart; no lifecycle, no encryption at rest; "
        "notifies queues and EventBridge",
    ),
    "AWS::RDS::DBCluster": Emulated(
        _cluster, "one PostgreSQL for every cluster, without TLS or passwords; survives a restart"
    ),
    "AWS::ElastiCache::ServerlessCache": Emulated(
        _cache, "one Valkey node in cluster mode, without TLS; empty after each start"
    ),
}
