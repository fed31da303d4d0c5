"""No watch over canaries, where none is joined."""

from __future__ import annotations

from uuid import UUID

from orchstack.kernel.chat import MicroDollars


class NoCanaries:
    """Watches nothing."""

    def observe(
        self,
        tenant_id: UUID,
        agent: str,
        version: int,
        run_id: UUID,
        *,
        failed: bool,
        cost_micro_usd: MicroDollars,
    ) -> None:
        """Let it pass."""
