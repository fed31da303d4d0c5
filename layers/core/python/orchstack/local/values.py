"""The values of templates and events: JSON, of which only the reader knows the shape."""

from __future__ import annotations

from typing import Any, TypeAlias

Value: TypeAlias = Any
