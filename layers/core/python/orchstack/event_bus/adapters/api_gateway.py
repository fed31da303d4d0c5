"""WebSocket clients behind API Gateway."""

from __future__ import annotations

from functools import cached_property

from orchstack.kernel.aws import Client, client
from orchstack.kernel.errors import Unavailable


class ApiGatewaySender:
    """Sends by the callback address of the WebSocket stage."""

    def __init__(self, endpoint: str) -> None:
        """Take the https address of the stage; the client is made on the first send."""
        self._endpoint = endpoint

    def send(self, connection_id: str, text: str) -> bool:
        """Send a message; False if the client has gone. Raises Unavailable."""
        return self._call("post_to_connection", ConnectionId=connection_id, Data=text.encode())

    def close(self, connection_id: str) -> None:
        """End the connection, if it is still there. Raises Unavailable."""
        self._call("delete_connection", ConnectionId=connection_id)

    def _call(self, method: str, **arguments: str | bytes) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            getattr(self._callback, method)(**arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] == "GoneException":
                return False
            raise Unavailable("The WebSocket stage is not answering.", retry_after_s=5) from error
        except BotoCoreError as error:
            raise Unavailable("The WebSocket stage is not answering.", retry_after_s=5) from error
        return True

    @cached_property
    def _callback(self) -> Client:
        return client("apigatewaymanagementapi", endpoint=self._endpoint)
