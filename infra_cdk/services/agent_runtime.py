"""The agent runtime: runs, driven inline by a streaming function or stepwise by a machine."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra_cdk.constructs.alarms import alarm
from infra_cdk.constructs.python_function import PythonFunction
from infra_cdk.constructs.schedule import Sweep
from infra_cdk.constructs.state_machine import StateMachine
from infra_cdk.house import PLATFORM, House
from infra_cdk.services.agent_runtime_outcomes import Outcomes
from infra_cdk.services.agent_runtime_records import Records

# One model call may take minutes; the machine's own timeout of the state is the same.
ADVANCE_SECONDS = 600
RUN_MEMORY_MB = 1024
# Found by the sweeps of five minutes; a few are drivers that were killed at their end of time.
MANY_ADRIFT = 20


class AgentRuntime(Construct):
    """Its functions, the machine `agent_run`, and what becomes of the runs."""

    def __init__(self, scope: Construct, house: House) -> None:
        super().__init__(scope, "AgentRuntime")
        start, resume = self._driver(house, "start_run"), self._driver(house, "resume_run")
        fork = self._driver(house, "fork_run")
        start.use_blobs("Put")
        self.advance = self._driver(house, "advance_run", timeout_s=ADVANCE_SECONDS)
        records = Records(self, house)
        starters = (start, resume, fork, records.follow, self._sweeper(house))
        self.agent_run = self._machine(house, *starters)
        cancel = PythonFunction(self, house, "agent_runtime/cancel_run")
        cancel.permit("states:SendTaskSuccess", self.agent_run.machine.state_machine_arn)
        self.functions = [
            start,
            resume,
            fork,
            cancel,
            PythonFunction(self, house, "agent_runtime/list_runs"),
            PythonFunction(self, house, "agent_runtime/get_run"),
        ]
        self.outcomes = Outcomes(self, house)
        self.functions += self.outcomes.functions + records.functions

    def _driver(self, house: House, name: str, timeout_s: int | None = None) -> PythonFunction:
        """Make a function that carries runs on, so it calls models."""
        function = PythonFunction(
            self, house, f"agent_runtime/{name}", timeout_s=timeout_s, memory_mb=RUN_MEMORY_MB
        )
        function.read_secret(house.data.providers, "PROVIDERS")
        function.use_blobs("Get")
        return function

    def _machine(self, house: House, *starters: PythonFunction) -> StateMachine:
        wait = PythonFunction(self, house, "agent_runtime/await_human", timeout_s=30)
        tasks = {"AdvanceRun": self.advance, "AwaitHuman": wait}
        machine = StateMachine(self, house, "agent_run", tasks)
        machine.answered_by(wait)
        for function in starters:
            machine.started_by(function)
        return machine

    def _sweeper(self, house: House) -> PythonFunction:
        """Make what finds runs that nobody drives; many at once mean that drivers die."""
        function = PythonFunction(
            self, house, "agent_runtime/sweep_runs", user=PLATFORM, timeout_s=60
        )
        Sweep(
            self,
            house,
            function,
            group=f"orchstack-{house.stage.name}-runs",
            description="Starts the machine for runs that nobody drives",
        )
        adrift = cloudwatch.Metric(
            namespace="OrchStack",
            metric_name="AdriftRuns",
            dimensions_map={"service": "agent_runtime"},
            statistic="sum",
            period=Duration.minutes(5),
        )
        alarm(self, "Adrift", house, adrift, above=MANY_ADRIFT)
        return function
