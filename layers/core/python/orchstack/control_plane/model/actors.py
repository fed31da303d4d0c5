"""Who did something."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Actor = Annotated[str, Field(pattern=r"^(key|run|system):.{1,100}$", description="Who did it.")]
