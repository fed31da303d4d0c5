"""The memory manager: sessions and what was said in them."""

from __future__ import annotations

from constructs import Construct

from infra_cdk.constructs.python_function import PythonFunction
from infra_cdk.house import House


class MemoryManager(Construct):
    """Its functions, all of which serve the API."""

    def __init__(self, scope: Construct, house: House) -> None:
        super().__init__(scope, "MemoryManager")
        delete = PythonFunction(self, house, "memory_mgr/delete_session")
        # With a session its runs are erased, and what came with them.
        delete.use_blobs("Delete")
        self.functions = [
            PythonFunction(self, house, "memory_mgr/create_session"),
            PythonFunction(self, house, "memory_mgr/list_sessions"),
            PythonFunction(self, house, "memory_mgr/get_session"),
            PythonFunction(self, house, "memory_mgr/rename_session"),
            delete,
            PythonFunction(self, house, "memory_mgr/list_messages"),
            PythonFunction(self, house, "memory_mgr/export_session"),
        ]
