"""JSON as plain Python values, for where no model says more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = Any
JsonObject = dict[str, Any]
# Only read.
JsonMapping = Mapping[str, Any]
