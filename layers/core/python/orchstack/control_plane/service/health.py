"""Health: whether the stores behind the installation answer."""

from __future__ import annotations

from collections.abc import Sequence

from orchstack.control_plane.model.tenants import Health
from orchstack.control_plane.ports import Part
from orchstack.kernel.errors import Unavailable


class HealthCheck:
    """Asks each store in turn."""

    def __init__(self, parts: Sequence[Part]) -> None:
        """Take the stores."""
        self._parts = parts

    def check(self) -> Health:
        """Say that all is well; raises Unavailable, naming the stores that do not answer."""
        away = [part.name for part in self._parts if not _answers(part)]
        if away:
            raise Unavailable(f"Not answering: {', '.join(away)}.", retry_after_s=5)
        return Health()


def _answers(part: Part) -> bool:
    try:
        part.check()
    except Unavailable:
        return False
    return True
