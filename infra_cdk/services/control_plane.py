"""The control plane: tenants, keys, agents, and who may call."""

from __future__ import annotations

from constructs import Construct

from infra_cdk.constructs.alarms import alarm
from infra_cdk.constructs.python_function import PythonFunction
from infra_cdk.house import PLATFORM, House

# Every request passes the authorizer, which asks the database; runs take as long as models do.
SLOW_AUTHORIZER_MS = 2_000


class ControlPlane(Construct):
    """Its functions; `functions` holds those that serve the API."""

    def __init__(self, scope: Construct, house: House) -> None:
        super().__init__(scope, "ControlPlane")
        self.authorizer = PythonFunction(
            self, house, "control_plane/authorize_request", timeout_s=10
        )
        slow = self.authorizer.function.metric_duration(statistic="p99")
        alarm(self, "Slow", house, slow, above=SLOW_AUTHORIZER_MS, periods=3)
        self.functions = [
            PythonFunction(self, house, "control_plane/create_tenant", user=PLATFORM),
            PythonFunction(self, house, "control_plane/list_tenants", user=PLATFORM),
            PythonFunction(self, house, "control_plane/create_key"),
            PythonFunction(self, house, "control_plane/list_keys"),
            PythonFunction(self, house, "control_plane/revoke_key"),
            PythonFunction(self, house, "control_plane/publish_agent"),
            PythonFunction(self, house, "control_plane/validate_agent"),
            PythonFunction(self, house, "control_plane/list_agents"),
            PythonFunction(self, house, "control_plane/get_agent"),
            PythonFunction(self, house, "control_plane/list_versions"),
            PythonFunction(self, house, "control_plane/set_alias"),
            PythonFunction(self, house, "control_plane/get_alias"),
            PythonFunction(self, house, "control_plane/check_health"),
            PythonFunction(self, house, "control_plane/describe_api", user=None),
        ]
