"""moto makes a client for each task, pointed at `localhost`; here each is made once.

Making a client costs some 50 ms of CPU, and `localhost` may be IPv6, where nobody listens.
"""

from __future__ import annotations

import threading
from typing import Any

import botocore.session
import moto.stepfunctions.parser.asl.parse.asl_parser  # noqa: F401 - loads all that use the name
from botocore.config import Config

from orchstack.kernel.plain import JsonObject
from orchstack.local.state.rebinding import rebind
from orchstack.local.template import REGION

# Whoever calls the local services is believed.
ACCESS_KEY = "local"

_LONGEST_TASK_S = 24 * 3600


class Clients:
    """botocore clients of the local services, each made on first use and shared by all threads."""

    def __init__(self, endpoint: str, *, validate: bool = True) -> None:
        """Take the URL of the local services; `validate=False` leaves checks to them."""
        self._endpoint = endpoint
        self._made: JsonObject = {}
        self._lock = threading.Lock()
        self._session = botocore.session.Session()
        self._config = Config(
            parameter_validation=validate,
            retries={"total_max_attempts": 1},
            connect_timeout=60,
            read_timeout=_LONGEST_TASK_S,
            max_pool_connections=64,
            inject_host_prefix=False,
            s3={"addressing_style": "path"},
        )

    def get(self, service: str) -> Any:
        """The client of a service."""
        with self._lock:
            if service not in self._made:
                self._made[service] = self._session.create_client(
                    service,
                    region_name=REGION,
                    endpoint_url=self._endpoint,
                    config=self._config,
                    aws_access_key_id=ACCESS_KEY,
                    aws_secret_access_key=ACCESS_KEY,
                )
            return self._made[service]

    def close(self) -> None:
        """Close every connection."""
        for client in self._made.values():
            client.close()


def install(endpoint: str) -> Clients:
    """Give the state machines' tasks shared clients, and return those."""
    clients = Clients(endpoint, validate=False)

    def client_for(region: str, service: str, state_credentials: Any = None) -> Any:
        del region, state_credentials  # there is one region, and nobody asks who calls
        return clients.get(service)

    rebind("boto_client_for", client_for)
    return clients
