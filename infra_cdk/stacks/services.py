"""Everything that computes; it keeps nothing and can be made anew at any time."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from infra_cdk.constructs.alarms import alarm
from infra_cdk.constructs.dashboard import Dashboard
from infra_cdk.constructs.layers import layers
from infra_cdk.constructs.python_function import PythonFunction
from infra_cdk.house import House
from infra_cdk.services.agent_runtime import AgentRuntime
from infra_cdk.services.control_plane import ControlPlane
from infra_cdk.services.event_bus import EventBus
from infra_cdk.services.memory_mgr import MemoryManager
from infra_cdk.stacks.data import DataStack
from infra_cdk.stacks.network import NetworkStack
from infra_cdk.stages import Stage
from orchstack.wiring.catalogue import OPERATIONS


class ServicesStack(Stack):
    """The services; `functions` are those behind the API, by name."""

    def __init__(
        self, scope: Construct, stage: Stage, network: NetworkStack, data: DataStack
    ) -> None:
        super().__init__(scope, f"OrchStack-{stage.name}-Services")
        self.house = House(stage=stage, network=network, data=data, layers=layers(self))
        self.event_bus = EventBus(self, self.house)
        self.control_plane = ControlPlane(self, self.house)
        self.agent_runtime = AgentRuntime(self, self.house)
        self.memory_mgr = MemoryManager(self, self.house)
        self.functions = {
            function.name: function
            for service in (
                self.control_plane,
                self.agent_runtime,
                self.memory_mgr,
                self.event_bus,
            )
            for function in service.functions
        }
        self.queues = [
            self.event_bus.nudges,
            self.event_bus.pushes,
            *self.agent_runtime.outcomes.queues,
        ]
        changing = {operation.function for operation in OPERATIONS if operation.method != "GET"}
        self.event_bus.nudged_by(
            [
                *(self.functions[name] for name in sorted(changing)),
                self.agent_runtime.advance,
                self.agent_runtime.outcomes.record,
            ]
        )
        Dashboard(
            self,
            self.house,
            [function.function for function in self.all_functions],
            [consumed.queue for consumed in self.queues],
            self.agent_runtime.agent_run.machine,
        )
        if stage.function_alarms:
            for function in self.all_functions:
                self._watch(function)
        CfnOutput(self, "SocketUrl", value=self.event_bus.socket_url)
        # What an operator starts to carry on a run: {"tenant_id": …, "run_id": …}.
        machine = self.agent_runtime.agent_run.machine
        CfnOutput(self, "AgentRunMachine", value=machine.state_machine_arn)

    def _watch(self, function: PythonFunction) -> None:
        failing = function.function.metric_errors(statistic="sum")
        refused = function.function.metric_throttles(statistic="sum")
        # The authorizer refuses a key by an error: anybody could ring this alarm with a wrong one.
        # Where it fails for another reason the API answers 5xx, which has its own alarm.
        if function is not self.control_plane.authorizer:
            alarm(function, "Failing", self.house, failing, above=0)
        alarm(function, "Throttled", self.house, refused, above=0)

    @property
    def all_functions(self) -> list[PythonFunction]:
        """Every function of the stack, by name."""
        found = [child for child in self.node.find_all() if isinstance(child, PythonFunction)]
        return sorted(found, key=lambda function: function.name)
