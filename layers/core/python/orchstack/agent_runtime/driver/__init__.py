"""Carries out what the loop decides, and writes each step down before the next begins."""

from __future__ import annotations

from orchstack.agent_runtime.driver.held import Held
from orchstack.agent_runtime.driver.runner import RunDriver

__all__ = ["Held", "RunDriver"]
