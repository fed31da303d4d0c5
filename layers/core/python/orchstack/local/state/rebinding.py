"""Replaces a function in every module that has imported it by name."""

from __future__ import annotations

import sys

from orchstack.local.state import Moto


def rebind(name: str, replacement: Moto, package: str = "moto.stepfunctions") -> None:
    """Bind `name` to the replacement in all loaded modules of the package that have it."""
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith(package) and name in vars(module):
            setattr(module, name, replacement)
