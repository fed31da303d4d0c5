"""What can go wrong while the local cloud is set up."""

from __future__ import annotations

from orchstack.kernel.errors import OrchStackError


class CannotDeploy(OrchStackError):
    """The cloud assembly cannot be run here; the detail names the stack, resource and reason."""

    code = "cannot_deploy"
    title = "Cannot deploy locally"


class AlreadyRunning(OrchStackError):
    """Another local cloud uses this state directory; stop it first."""

    code = "already_running"
    status = 409
    title = "Already running"
