"""A secret in AWS Secrets Manager."""

from __future__ import annotations

from dataclasses import dataclass

from orchstack.kernel.errors import Unavailable


@dataclass(frozen=True)
class SecretsManagerSecret:
    """Reads the current text of one secret; boto3 is loaded on the first reading."""

    arn: str

    def read(self) -> str:
        """Give the text; empty if the secret has no value yet. Raises Unavailable."""
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        patience = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 3})
        try:
            client = boto3.client("secretsmanager", config=patience)
            return str(client.get_secret_value(SecretId=self.arn)["SecretString"])
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code == "ResourceNotFoundException":
                return ""
            raise Unavailable(f"The providers' secret cannot be read: {code}.") from error
        except BotoCoreError as error:
            raise Unavailable("Secrets Manager is not answering.") from error
