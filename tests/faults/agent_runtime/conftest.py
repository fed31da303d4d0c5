"""Faults are planted over every store."""

from __future__ import annotations

from tests.contract.agent_runtime.conftest import MakeStage, make_stage, stage

__all__ = ["MakeStage", "make_stage", "stage"]
