"""How clients of AWS services are made: when they are needed, and never waiting long.

boto3 costs a cold start 100 ms of CPU and more, so it is loaded with the first client.
"""

from __future__ import annotations

from typing import Any

from orchstack.kernel.errors import Unavailable
from orchstack.kernel.settings import RuntimeSettings, load

# boto3's stubs know only a few services; of each client we use one or two methods.
Client = Any

_NO_VALUE_YET = "ResourceNotFoundException"


def client(service: str, *, endpoint: str | None = None) -> Client:
    """Make a client of a service, at its own endpoint if one is given.

    It gives up connecting after 2 s and reading after 3 s, and tries twice.
    """
    import boto3
    from botocore.config import Config

    make: Client = boto3.client
    patience = Config(
        connect_timeout=2,
        read_timeout=3,
        retries={"total_max_attempts": 2, "mode": "standard"},
    )
    region = load(RuntimeSettings).aws_region
    return make(service, region_name=region, endpoint_url=endpoint, config=patience)


def secret_text(arn: str) -> str:
    """Read the current text of a secret; empty if it has no value yet. Raises Unavailable."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return str(client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code == _NO_VALUE_YET:
            return ""
        raise Unavailable(f"A secret of the installation cannot be read: {code}.") from error
    except BotoCoreError as error:
        raise Unavailable("Secrets Manager is not answering.") from error
