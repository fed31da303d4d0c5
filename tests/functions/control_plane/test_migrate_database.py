"""The migration as a custom resource."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import boto3
import pytest
from moto import mock_aws

from functions.control_plane.migrate_database import handler
from orchstack.kernel.db.migrate import shipped
from tests import make
from tests.cloudformation import cloudformation

MakeDatabase = Callable[[str | None], str]


@pytest.fixture
def environment(
    function_environment: pytest.MonkeyPatch, make_database: MakeDatabase
) -> Iterator[pytest.MonkeyPatch]:
    """The environment of the function: the administrator of an empty database, and the secret."""
    with mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            function_environment.setenv(name, "local")
        secrets = boto3.client("secretsmanager", region_name="us-east-1")
        arn = secrets.create_secret(Name="platform", SecretString="made up")["ARN"]
        function_environment.setenv("ORCHSTACK_PLATFORM_KEY_SECRET_ARN", arn)
        function_environment.setenv("ORCHSTACK_DATABASE_USER", "postgres")
        function_environment.setenv("ORCHSTACK_DATABASE_NAME", make_database(None))
        yield function_environment


@pytest.mark.usefixtures("environment")
def test_the_database_is_brought_up_to_date() -> None:
    """The first deployment applies every file and says so; the next has nothing to do."""
    with cloudformation() as server:
        for kind in ("Create", "Update"):
            handler(server.request(kind), make.LambdaContext(600_000))
    names = ", ".join(migration.name for migration in shipped())
    assert [names, ""] == [answer["Data"]["applied"] for answer in server.answers]


def test_a_failure_stops_the_deployment(environment: pytest.MonkeyPatch) -> None:
    """A role that may not migrate is reported with the database's own words."""
    environment.setenv("ORCHSTACK_DATABASE_USER", "orchstack_app")
    with cloudformation() as server:
        handler(server.request("Update"), make.LambdaContext(600_000))
    (answer,) = server.answers
    assert "FAILED" == answer["Status"]
    assert "InsufficientPrivilege" in answer["Reason"]
