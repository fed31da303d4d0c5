"""The parts of the local cloud above its data plane: functions, moto, deliveries, the gateway."""

from __future__ import annotations

import contextlib
from contextlib import ExitStack
from pathlib import Path

from orchstack.kernel.clock import SystemClock
from orchstack.local.addresses import Addresses
from orchstack.local.assembly import Stack
from orchstack.local.bus import LocalBus
from orchstack.local.custom_resources import CustomResources
from orchstack.local.deployment import Deployment, Outputs
from orchstack.local.functions import FunctionService
from orchstack.local.gateway import Gateway
from orchstack.local.local_functions import LocalFunctions
from orchstack.local.logs import LogSink
from orchstack.local.loop import LoopThread
from orchstack.local.overrides import overrides
from orchstack.local.persistence import Persistence
from orchstack.local.postgres import Postgres
from orchstack.local.queues import QueueConsumer
from orchstack.local.resources.compute import ROLE
from orchstack.local.resources.model import Site
from orchstack.local.schedules import Ticker
from orchstack.local.state.clients import Clients
from orchstack.local.state.server import StateServer
from orchstack.local.status import Status
from orchstack.local.valkey import ValkeyServer

_STOP_WITHIN_S = 1.0
# What the ticker must hear of.
_SCHEDULING = ("events", "scheduler")


class Parts:
    """Builds the parts, starts and stops them in the right order."""

    def __init__(self, state_dir: Path, addresses: Addresses, postgres: Postgres) -> None:
        """Take where state is kept, where the gateway will listen, and the database."""
        self.functions = LocalFunctions()
        self._bus = LocalBus(self.functions.asynchronous.targets)
        self._persistence = Persistence(state_dir / "aws")
        self._ticker = Ticker(self._bus, SystemClock())
        self.server = StateServer(self.functions, self._bus, self._changed)
        self.clients = Clients(self.server.endpoint)
        self._log = LogSink(state_dir / "logs" / "functions.jsonl")
        self._loop = LoopThread()
        self._service = FunctionService(
            self._log, overrides(self.server.endpoint, addresses.http, postgres.port)
        )
        self._addresses = addresses
        self._postgres = postgres
        self._status = Status(self._service, self._ticker, self._persistence, postgres)
        self._running = ExitStack()

    @property
    def log_file(self) -> Path:
        """Where the functions' logs go."""
        return self._log.path

    def start(self) -> None:
        """Serve the AWS services with what was kept, and be ready to run functions."""
        self._running.callback(self._log.close)
        self.server.start()
        self._running.callback(self.server.stop)
        self._running.callback(self.clients.close)
        self._persistence.restore()
        self._persistence.start()
        self._running.callback(self._persistence.stop)
        self._loop.start()
        self._running.callback(self._loop.stop)
        self._loop.run(self._service.start())
        self._running.callback(self._end, self._service)
        self.functions.attach(self._service)
        self._running.callback(self._bus.stop)
        self._running.callback(self.functions.stop)
        self.clients.get("iam").create_role(
            RoleName=ROLE.rsplit("/", 1)[-1], AssumeRolePolicyDocument="{}"
        )

    def deploy(self, stacks: tuple[Stack, ...], valkey: ValkeyServer) -> tuple[Site, Outputs]:
        """Deploy the stacks; returns what they left for the gateway and consumers, and outputs."""
        site = Site(
            clients=self.clients,
            functions=self.functions,
            custom_resources=CustomResources(self.server, self.functions),
            postgres=self._postgres,
            valkey=valkey,
        )
        return site, Deployment(site, self._addresses).deploy(stacks)

    def serve(self, site: Site) -> None:
        """Open the gateway, feed the functions from their queues, fire the schedules."""
        gateway = Gateway(
            self._service,
            rest=site.apis.rest_api(),
            socket=site.apis.socket_api(),
            status=self._status.document,
            redrive=self._status.redrive,
        )
        self._loop.run(gateway.start(self._addresses.port))
        self._running.callback(self._end, gateway)
        for source in site.event_sources:
            consumer = QueueConsumer(source, self.functions.invoke)
            consumer.start()
            self._running.callback(consumer.stop)
        self._ticker.start()
        self._running.callback(self._ticker.stop)

    def stop(self) -> None:
        """Stop what brings work first, then the workers, and last what keeps state."""
        self._running.close()

    def _end(self, part: Gateway | FunctionService) -> None:
        # Whatever does not stop in time ends with the process.
        with contextlib.suppress(TimeoutError):
            self._loop.run(part.stop(), _STOP_WITHIN_S)

    def _changed(self, service: str) -> None:
        self._persistence.changed(service)
        if service in _SCHEDULING:
            self._ticker.changed()
