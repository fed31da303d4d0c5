"""The ways into the database and the cache, and how long a closed one is tried."""

from __future__ import annotations

import json
import socket
import time
from contextlib import closing

import boto3
import psycopg
import pytest
from moto import mock_aws
from redis.cluster import RedisCluster
from redis.exceptions import RedisClusterException

from orchstack.kernel import cache as caching
from orchstack.kernel.cache import tenant_key
from orchstack.kernel.db import connect
from orchstack.kernel.ids import new_id
from orchstack.kernel.settings import CacheSettings, DatabaseSettings, Misconfigured

_AURORA = DatabaseSettings(host="db.example", user="orchstack_app")


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a function's role gives it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.mark.usefixtures("credentials")
def test_iam_signs_a_token_without_a_request() -> None:
    """The password of a connection is a signed URL that names host, port and user."""
    given = connect._credentials(_AURORA)
    assert "orchstack_app" == given["user"]
    assert given["password"].startswith("db.example:5432/?Action=connect&DBUser=orchstack_app")
    assert "X-Amz-Signature=" in given["password"]


@pytest.mark.usefixtures("credentials")
def test_migrations_take_the_password_from_its_secret() -> None:
    """RDS keeps the master's password in Secrets Manager and rotates it there."""
    text = json.dumps({"username": "master", "password": "made-up"})
    with mock_aws():
        secrets = boto3.client("secretsmanager", region_name="us-east-1")
        arn = secrets.create_secret(Name="master", SecretString=text)["ARN"]
        settings = _AURORA.model_copy(update={"auth": "secret", "secret_arn": arn})
        assert {"user": "master", "password": "made-up"} == connect._credentials(settings)


def test_a_missing_secret_is_named() -> None:
    """The variable to set is in the message."""
    settings = _AURORA.model_copy(update={"auth": "secret"})
    with pytest.raises(Misconfigured, match="ORCHSTACK_DATABASE_SECRET_ARN"):
        connect._credentials(settings)


def test_a_connection_verifies_the_server() -> None:
    """On AWS the server's name and certificate are checked against RDS' own bundle."""
    address = connect._address(_AURORA)
    assert ("verify-full", "/opt/rds-global-bundle.pem") == (
        address["sslmode"],
        address["sslrootcert"],
    )
    assert "disable" == connect._address(_AURORA.model_copy(update={"tls": "off"}))["sslmode"]


def test_the_keys_of_a_tenant_share_a_slot(cache: RedisCluster) -> None:
    """A script may touch several keys of one tenant, never those of two."""
    mine, other = new_id(), new_id()
    one, two = tenant_key(mine, "rate", "a"), tenant_key(mine, "revoked")
    cache.mset({one: "1", two: "2"})
    assert ["1", "2"] == cache.mget(one, two)
    with pytest.raises(RedisClusterException):
        cache.mset({one: "1", tenant_key(other, "rate", "a"): "2"})


def test_a_cache_that_is_not_there_is_given_up_soon() -> None:
    """A client that cannot connect says so within its time-out, retries included."""
    started = time.monotonic()
    with pytest.raises(RedisClusterException):
        caching.connect(CacheSettings(host="127.0.0.1", port=1, tls=False, timeout_s=0.2))
    assert time.monotonic() - started < 2


def test_a_database_that_does_not_answer_is_given_up(
    database_settings: DatabaseSettings,
) -> None:
    """A server that accepts and stays silent costs no more than the time-out."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        settings = database_settings.model_copy(update={"port": port, "connect_timeout_s": 2})
        started = time.monotonic()
        with pytest.raises(psycopg.OperationalError):
            connect.connector(settings)()
    assert time.monotonic() - started < 4
