"""Shows what a model was shown in one step of a run."""

from __future__ import annotations

from uuid import UUID

from orchstack.agent_runtime.api_records import GET_CONTEXT
from orchstack.kernel.http import Answer, NoBody, NoQuery, Request
from orchstack.wiring.http import endpoint
from orchstack.wiring.run_records import contexts


@endpoint(GET_CONTEXT)
def handler(request: Request[NoBody, NoQuery]) -> Answer:
    """Answer with the context."""
    run_id, seq = UUID(request.path["run_id"]), int(request.path["seq"])
    return Answer(body=contexts().show(request.principal.tenant_id, run_id, seq))
