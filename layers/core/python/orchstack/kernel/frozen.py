"""The base of all values: what services tell each other, keep and are asked."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value that never changes and knows all its fields; errors about it do not repeat it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
