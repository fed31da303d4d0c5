"""The time of day, anywhere."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field

from orchstack.kernel.clock import Clock
from orchstack.kernel.frozen import Frozen
from orchstack.tool_exec.model import CallContext, ToolFault


class CurrentTimeArguments(Frozen):
    """What the clock takes."""

    timezone: Annotated[
        str, Field(max_length=64, description="An IANA time zone, for example Europe/Berlin.")
    ] = "UTC"


class CurrentTime:
    """Tells the date and time in a time zone."""

    name: str = "current_time"
    description: str = "Tells the current date and time in a time zone."
    arguments: type[CurrentTimeArguments] = CurrentTimeArguments
    timeout_s: float = 2.0

    def __init__(self, clock: Clock) -> None:
        """Take the clock to read."""
        self._clock = clock

    def run(self, arguments: CurrentTimeArguments, context: CallContext) -> str:
        """Give the time as ISO 8601, with the weekday. Raises ToolFault on an unknown zone."""
        del context
        name = arguments.timezone
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ToolFault(
                f"There is no time zone {name!r}; use an IANA name such as Europe/Berlin."
            ) from error
        now = self._clock.now().astimezone(zone)
        return f"{now.isoformat(timespec='seconds')} ({now:%A}, {name})"
